"""A workflow's graph, prepared for the questions that an execution asks again and again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from processors.event_names import canonical
from processors.workflow.nodes import (
    ERROR,
    Edge,
    EventWait,
    GoalSettings,
    LoopSettings,
    Node,
    OnError,
    TriggerSettings,
    WaitSettings,
    Workflow,
)

BODY, DONE = "body", "done"
Edges = Mapping[str, tuple[tuple[str | None, str], ...]]
# These leave by all of their edges, whatever they are called.
_EVERY_WAY = ("trigger", "parallel")


@dataclass(frozen=True)
class Plan:
    """One version of a workflow. Nothing in it changes; share it between executions."""

    workflow: Workflow

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by id."""
        return self.workflow.nodes

    @cached_property
    def _outgoing(self) -> Edges:
        """(branch, target) by source, without edges that lead nowhere or close a loop.

        An edge from a loop's body back to the loop only says where an iteration ends.
        """
        found: dict[str, list[tuple[str | None, str]]] = defaultdict(list)
        for edge in self.workflow.edges:
            if edge.source in self.nodes and edge.target in self.nodes:
                found[edge.source].append((edge.branch, edge.target))
        edges = {source: tuple(leaving) for source, leaving in found.items()}
        within = {
            node.id: _reach(edges, [t for b, t in edges.get(node.id, ()) if b == BODY], node.id)
            for node in self.nodes.values()
            if isinstance(node.settings, LoopSettings)
        }
        return {
            source: tuple(
                (branch, target)
                for branch, target in leaving
                if source not in within.get(target, ()) and source != target
            )
            for source, leaving in edges.items()
        }

    def targets(self, node_id: str, branch: str | None) -> tuple[str, ...]:
        """Where a step goes on that ended by `branch`, each target once.

        Out of a loop's body no edge leads: one that leaves it ends the iteration.
        """
        node, inside = self.nodes[node_id], self.loop_of.get(node_id)
        found: dict[str, None] = {}
        for name, target in self._outgoing.get(node_id, ()):
            if self.loop_of.get(target) != (node_id if branch == BODY else inside):
                continue
            every = node.type in _EVERY_WAY and branch is None and name != ERROR
            if every or name == branch or (name is None and _takes_plain(node, branch)):
                found[target] = None
        return tuple(found)

    def leads_back(self, node_id: str, branch: str | None) -> bool:
        """Whether a step that ended by `branch` leads back to the loop around it."""
        inside = self.loop_of.get(node_id)
        return any(
            edge.target == inside
            and (
                edge.branch == branch
                or (edge.branch is None and _takes_plain(self.nodes[node_id], branch))
            )
            for edge in self._returns.get(node_id, ())
        )

    @cached_property
    def returning_loops(self) -> frozenset[str]:
        """Loops that go on only after an iteration that led back to them."""
        return frozenset(edge.target for edge in self.workflow.returns)

    @cached_property
    def _returns(self) -> Mapping[str, list[Edge]]:
        found: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.workflow.returns:
            found[edge.source].append(edge)
        return found

    @cached_property
    def loop_of(self) -> Mapping[str, str]:
        """The innermost loop whose body a node is in; nodes outside of loops are missing."""
        bodies: dict[str, frozenset[str]] = {}
        for node in self.nodes.values():
            if isinstance(node.settings, LoopSettings):
                edges = self._outgoing.get(node.id, ())
                body = _reach(self._outgoing, [t for b, t in edges if b == BODY], node.id)
                after = _reach(self._outgoing, [t for b, t in edges if b != BODY], node.id)
                bodies[node.id] = frozenset(body - after)
        found: dict[str, str] = {}
        # The largest first: what is in a smaller one as well is nested.
        for loop in sorted(bodies, key=lambda name: (-len(bodies[name]), name)):
            found |= dict.fromkeys(bodies[loop], loop)
        return found

    @cached_property
    def depth(self) -> Mapping[str, int]:
        """In how many loops each node stands."""
        found: dict[str, int] = {}
        for node_id in self.nodes:
            inside, depth = self.loop_of.get(node_id), 0
            while inside is not None:
                inside, depth = self.loop_of.get(inside), depth + 1
            found[node_id] = depth
        return found

    @cached_property
    def sources(self) -> Mapping[str, int]:
        """How many edges lead to a node, not counting those that close a loop."""
        found: dict[str, int] = defaultdict(int)
        for source, edges in self._outgoing.items():
            for branch, target in edges:
                inside = source if branch == BODY else self.loop_of.get(source)
                if self.loop_of.get(target) == inside:
                    found[target] += 1
        return found

    def leads_to(self, source: str, target: str) -> bool:
        """Whether a path of this level of loops leads from one node to another."""
        return target in self._descendants_of(source)

    def descendants(self, node_id: str) -> frozenset[str]:
        """All nodes behind a node, bodies of loops included."""
        found = _reach(self._outgoing, [t for _, t in self._outgoing.get(node_id, ())], node_id)
        return frozenset(found)

    @cached_property
    def _descendants(self) -> dict[str, frozenset[str]]:
        return {}

    def _descendants_of(self, node_id: str) -> frozenset[str]:
        found = self._descendants.get(node_id)
        if found is None:
            inside = self.loop_of.get(node_id)
            reached: set[str] = set()
            waiting = [node_id]
            while waiting:
                for branch, target in self._outgoing.get(waiting.pop(), ()):
                    is_level = self.loop_of.get(target) == inside and branch != BODY
                    if is_level and target not in reached:
                        reached.add(target)
                        waiting.append(target)
            found = self._descendants[node_id] = frozenset(reached)
        return found

    @cached_property
    def triggers(self) -> tuple[Node, ...]:
        """The ways in; without one, the nodes that nothing leads to."""
        found = tuple(n for n in self.nodes.values() if isinstance(n.settings, TriggerSettings))
        if found:
            return found
        return tuple(node for node in self.nodes.values() if not self.sources.get(node.id))

    @cached_property
    def goals(self) -> tuple[tuple[Node, GoalSettings], ...]:
        """The goals outside of loops, which an execution jumps to once they are met."""
        return tuple(
            (node, node.settings)
            for node in self.nodes.values()
            if isinstance(node.settings, GoalSettings) and node.id not in self.loop_of
        )

    @cached_property
    def heard(self) -> frozenset[str]:
        """The events that can move an execution: by goals, by waits, or by ending it."""
        names = [*self.workflow.settings.stop_on]
        for node in self.nodes.values():
            match node.settings:
                case GoalSettings(events=events) | WaitSettings(wait=EventWait(events=events)):
                    names += events
        return frozenset(map(canonical, names))

    @property
    def has_listeners(self) -> bool:
        """Whether events can move an execution."""
        return bool(self.heard)

    def on_error(self, node: Node) -> OnError:
        """What happens after a node failed: its own rule, else the workflow's."""
        if node.on_error is OnError.STOP:
            return self.workflow.settings.on_error
        return node.on_error


def _reach(edges: Edges, starts: Iterable[str], avoiding: str) -> set[str]:
    """All nodes that paths from `starts` lead to, none of them through `avoiding`."""
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        node_id = waiting.pop()
        if node_id not in reached and node_id != avoiding:
            reached.add(node_id)
            waiting += [target for _, target in edges.get(node_id, ())]
    return reached


def _takes_plain(node: Node, branch: str | None) -> bool:
    """Whether an edge without a branch is taken by a step that ended by `branch`."""
    return (
        branch is None
        or (node.type == "wait" and branch in ("event", "timeout"))
        or (node.type == "loop" and branch == DONE)
    )
