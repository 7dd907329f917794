"""Blueprints: templates of runnable, tested, deployable projects."""

from infrastructure.blueprints.catalogue import Blueprint, UnknownBlueprint, catalogue, find
from infrastructure.blueprints.check import Finding, check
from infrastructure.blueprints.digest import digest_of
from infrastructure.blueprints.names import BadName, ProjectName, project_name, suggested_name
from infrastructure.blueprints.rendering import Answers, BadBlueprint, render, render_directory
from infrastructure.blueprints.renderings import Renderings

__all__ = [
    "Answers",
    "BadBlueprint",
    "BadName",
    "Blueprint",
    "Finding",
    "ProjectName",
    "Renderings",
    "UnknownBlueprint",
    "catalogue",
    "check",
    "digest_of",
    "find",
    "project_name",
    "render",
    "render_directory",
    "suggested_name",
]
