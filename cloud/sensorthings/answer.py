"""Answers of SensorThings: a path and its options become a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from cloud.api.ports import Services
from cloud.api.problems import Problem
from cloud.sensorthings.evaluate import Evaluator, sortable
from cloud.sensorthings.functions import Wrong
from cloud.sensorthings.model import KINDS, Entity, Id, Model
from cloud.sensorthings.observations import Budget, Observations, Page
from cloud.sensorthings.options import MOST_PAGE, PAGE, checked, skip_token
from cloud.sensorthings.resource import Resource, key_of
from cloud.sensorthings.syntax import Expand, Options, parameters
from contract.clock import from_ms

_HELD = 5000  # entities that are kept for one answer, so that a thing is not made anew for each of its observations
_COMPONENTS = ("id", "phenomenonTime", "resultTime", "result", "resultQuality")
Document = dict[str, Any]


class Answer:
    """One request's. base: the service's address, without a slash at its end."""

    def __init__(self, services: Services, model: Model, base: str) -> None:
        self._model, self._base, self._budget = model, base, Budget()
        self._held: dict[tuple[str, Id], Entity | None] = {}
        self._evaluator = Evaluator(self._linked, from_ms(services.clock.now_ms()))
        self._observations = Observations(services, model, self._evaluator, self._budget)

    def document(self, resource: Resource, options: Options, data_array: bool = False) -> Any:
        """Raises Problem, Wrong. None: a property that has no value."""
        options = checked(KINDS[resource.kind], options)
        entity = self._walked(resource)
        if resource.property is not None:
            assert entity is not None
            value = entity.id if resource.property == "id" else entity.properties.get(resource.property)
            return value if resource.value or value is None else {resource.property: value}
        if not resource.many:
            assert entity is not None
            if resource.references:
                return {"@iot.selfLink": self._self(entity)}
            return self._entity(entity, options)
        path = "/".join((self._path(entity), resource.steps[-1].name)) if entity else resource.steps[-1].name
        page = self._page(resource.kind, entity, resource.steps[-1].name, options)
        out: Document = {} if page.count is None else {"@iot.count": page.count}
        more = {"resultFormat": "dataArray"} if data_array else {}
        following = self._next(path + "/$ref" * resource.references, options, page, more)
        if following is not None:
            out["@iot.nextLink"] = following
        if resource.references:
            out["value"] = [{"@iot.selfLink": self._self(e)} for e in page.entities]
        elif data_array:
            out["value"] = self._arrays(page.entities, options)
        else:
            out["value"] = [self._entity(e, options) for e in page.entities]
        return out

    # --- which entities ---

    def _walked(self, resource: Resource) -> Entity | None:
        """The entity that the path leads to, or whose collection it is; None: of a whole set. Raises Problem(404)."""
        entity: Entity | None = None
        steps = resource.steps[:-1] if resource.many else resource.steps
        for n, step in enumerate(steps):
            if entity is None:
                found = None if step.id is None else self._get(step.name, step.id)
            elif entity.kind.links[step.name] == "Observations":
                found = None if step.id is None else self._get("Observations", step.id)
                if found is not None and found.channel not in self._model.channels_of(entity):
                    found = None
            else:
                ids = self._model.linked(entity, step.name)
                id = step.id if step.id is not None else next(iter(ids), None)
                found = self._get(entity.kind.links[step.name], id) if id is not None and id in ids else None
            if found is None:
                said = "/".join(s.name if s.id is None else f"{s.name}({key_of(s.id)})" for s in steps[: n + 1])
                raise Problem(404, "No such entity", f"there is no {said[:200]}")
            entity = found
        return entity

    def _get(self, kind: str, id: Id) -> Entity | None:
        if kind == "Observations":
            return self._observations.get(id) if isinstance(id, str) else None
        if (kind, id) not in self._held:
            if len(self._held) >= _HELD:
                self._held.clear()
            self._held[kind, id] = self._model.get(kind, id)
        return self._held[kind, id]

    def _linked(self, entity: Entity, link: str) -> Sequence[Entity]:
        kind = entity.kind.links[link]
        found = (self._get(kind, id) for id in self._model.linked(entity, link))
        return [e for e in found if e is not None]

    def _page(self, kind: str, owner: Entity | None, link: str, options: Options) -> Page:
        """owner: of whom; None: of the whole set."""
        size = min(PAGE if options.top is None else options.top, MOST_PAGE)
        if kind == "Observations":
            channels = self._model.channels if owner is None else self._model.channels_of(owner)
            page = self._observations.page(channels, options, size)
        else:
            page = self._set_page(kind, owner, link, options, size)
        self._budget.make(len(page.entities))
        return page

    def _set_page(self, kind: str, owner: Entity | None, link: str, options: Options, size: int) -> Page:
        ids = list(self._model.ids(kind) if owner is None else self._model.linked(owner, link))
        plain = options.filter is None and not options.orderby
        found: list[Entity] = []
        if not plain:
            for id in ids:
                entity = self._get(kind, id)
                if entity is not None and (options.filter is None or self._evaluator.holds(options.filter, entity)):
                    found.append(entity)
            for order in reversed(options.orderby):
                keys = {e.id: sortable(self._evaluator.first(order.by, e)) for e in found}
                found.sort(key=lambda e, keys=keys: keys[e.id], reverse=order.descending)  # type: ignore[misc]
        count = (len(ids) if plain else len(found)) if options.count else None
        end = options.skip + size
        if plain:
            entities = [self._get(kind, id) for id in ids[options.skip : end]]
            return Page([e for e in entities if e is not None], count, end if size and end < len(ids) else None)
        return Page(found[options.skip : end], count, end if size and end < len(found) else None)

    # --- what is said of them ---

    def _path(self, entity: Entity) -> str:
        key = quote(key_of(entity.id), safe="'")
        return f"{entity.kind.name}({key})"

    def _self(self, entity: Entity) -> str:
        return f"{self._base}/{self._path(entity)}"

    def _entity(self, entity: Entity, options: Options) -> Document:
        wanted = options.select
        out: Document = {}
        if not wanted or "id" in wanted or "@iot.id" in wanted:
            out["@iot.id"] = entity.id
        if not wanted or "@iot.selfLink" in wanted:
            out["@iot.selfLink"] = self._self(entity)
        for name in entity.kind.properties:
            if not wanted or name in wanted:
                out[name] = entity.properties.get(name)
        expanded = {e.path[0]: e for e in options.expand}
        for link in entity.kind.links:
            if not wanted or link in wanted:
                out[f"{link}@iot.navigationLink"] = f"{self._self(entity)}/{link}"
            if link in expanded:
                self._expand(out, entity, link, expanded[link])
        return out

    def _expand(self, out: Document, entity: Entity, link: str, expand: Expand) -> None:
        if link in entity.kind.one:
            linked = self._linked(entity, link)
            self._budget.make(1)
            out[link] = self._entity(linked[0], expand.options) if linked else None
            return
        page = self._page(entity.kind.links[link], entity, link, expand.options)
        if page.count is not None:
            out[f"{link}@iot.count"] = page.count
        following = self._next(f"{self._path(entity)}/{link}", expand.options, page, {})
        if following is not None:
            out[f"{link}@iot.nextLink"] = following
        out[link] = [self._entity(e, expand.options) for e in page.entities]

    def _arrays(self, entities: Sequence[Entity], options: Options) -> list[Document]:
        """`resultFormat=dataArray`: a table for each datastream. Raises Wrong."""
        if options.expand:
            raise Wrong("resultFormat=dataArray has no room for $expand: leave one of them out")
        names = options.select or _COMPONENTS
        if any(n in KINDS["Observations"].links or n == "@iot.selfLink" for n in names):
            raise Wrong(f"resultFormat=dataArray holds {', '.join(_COMPONENTS)} alone: select among these")
        tables: dict[int, list[list[Any]]] = {}
        for e in entities:
            assert e.channel is not None
            row = [e.id if n in ("id", "@iot.id") else e.properties[n] for n in names]
            tables.setdefault(e.channel, []).append(row)
        return [
            {
                "Datastream@iot.navigationLink": f"{self._base}/Datastreams({channel})",
                "components": list(names),
                "dataArray@iot.count": len(rows),
                "dataArray": rows,
            }
            for channel, rows in tables.items()
        ]

    def _next(self, path: str, options: Options, page: Page, more: dict[str, str]) -> str | None:
        if page.skip is None and page.after is None:
            return None
        said = parameters(replace(options, count=False)) | more
        if page.after is not None:
            said["$skiptoken"] = skip_token(page.after)
        else:
            said["$skip"] = str(page.skip)
        query = urlencode(said, safe="$,;()/'", quote_via=quote)
        return f"{self._base}/{path}?{query}"
