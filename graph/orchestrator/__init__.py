"""The orchestrator: one graph from what a person wants to a service that answers."""

from graph.orchestrator.graph import ENTRYPOINT, NAME, VERSION, build_orchestrator
from graph.orchestrator.probe import HttpProbe, Probe
from graph.orchestrator.state import Outcome, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.work import Build, Deploy, Remove, Rollback, Start, Stop, Work, parse

__all__ = [
    "ENTRYPOINT",
    "NAME",
    "VERSION",
    "Build",
    "Deploy",
    "HttpProbe",
    "Outcome",
    "Probe",
    "Remove",
    "Rollback",
    "Start",
    "Step",
    "Stop",
    "Tools",
    "Work",
    "build_orchestrator",
    "parse",
]
