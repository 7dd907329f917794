"""Blueprints: templates of runnable, tested, deployable projects."""

from infrastructure.blueprints.catalogue import Blueprint, UnknownBlueprint, catalogue, find
from infrastructure.blueprints.check import Finding, check
from infrastructure.blueprints.names import BadName, ProjectName, project_name, suggested_name
from infrastructure.blueprints.rendering import Answers, BadBlueprint, render, render_directory

__all__ = [
    "Answers",
    "BadBlueprint",
    "BadName",
    "Blueprint",
    "Finding",
    "ProjectName",
    "UnknownBlueprint",
    "catalogue",
    "check",
    "find",
    "project_name",
    "render",
    "render_directory",
    "suggested_name",
]
