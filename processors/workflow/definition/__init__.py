"""Workflow definitions: read, checked, saved, kept in versions."""

from processors.workflow.definition.graph import Edge, Graph, Node

__all__ = ["Edge", "Graph", "Node"]
