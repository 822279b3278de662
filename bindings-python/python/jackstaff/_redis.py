"""Where a client of redis-py is connected to, asyncio or not: a server, a cluster, or sentinels. Read only; redis-py is never imported."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from . import _threads


def settings(client: Any) -> dict[str, Any]:
    """The options ``redis_url`` and ``redis_ca`` that mean what the client does. None, with a warning, for one that does not say."""
    nodes = getattr(client, "nodes_manager", None)
    pool = getattr(client, "connection_pool", None)
    if isinstance(getattr(nodes, "startup_nodes", None), (dict, list)):
        return _cluster(client, nodes)
    kwargs = getattr(pool, "connection_kwargs", None)
    if not isinstance(kwargs, dict):
        _threads.logger().warning("redis_client, a %s, does not say where it is connected to; give redis_url", type(client).__name__)
        return {}
    secure = "SSL" in getattr(getattr(pool, "connection_class", None), "__name__", "")
    sentinels = getattr(getattr(pool, "sentinel_manager", None), "sentinels", None)
    if isinstance(sentinels, list):
        return _sentinel(pool, kwargs, sentinels, secure)
    database = int(kwargs.get("db") or 0)
    if kwargs.get("path"):
        login = {name.replace("username", "user").replace("password", "pass"): value for name, value in _login(kwargs).items()}
        return {"redis_url": f"unix://{kwargs['path']}?" + urlencode({"db": database, **login})}
    return _options("redis", _who(kwargs), [_place(kwargs)], f"/{database}", kwargs, secure)


def _cluster(client: Any, nodes: Any) -> dict[str, Any]:
    kwargs = getattr(nodes, "connection_kwargs", None) or getattr(client, "connection_kwargs", None) or {}
    found = getattr(nodes, "startup_nodes", {})
    places = [_place(vars(node) if hasattr(node, "__dict__") else {"host": node.host, "port": node.port}) for node in _values(found)]
    secure = bool(kwargs.get("ssl")) or "SSL" in getattr(kwargs.get("connection_class"), "__name__", "")
    return _options("redis+cluster", _who(kwargs), places, "", kwargs, secure)


def _sentinel(pool: Any, kwargs: dict[str, Any], sentinels: list[Any], secure: bool) -> dict[str, Any]:
    asked = [sentinel.connection_pool.connection_kwargs for sentinel in sentinels]
    login = {f"sentinel_{name}": value for name, value in _login(asked[0]).items()} if asked else {}
    path = f"/{pool.service_name}/{int(kwargs.get('db') or 0)}" + (f"?{urlencode(login)}" if login else "")
    return _options("redis+sentinel", _who(kwargs), [_place(one) for one in asked], path, kwargs, secure)


def _options(scheme: str, who: str, places: list[str], path: str, kwargs: dict[str, Any], secure: bool) -> dict[str, Any]:
    if secure:
        scheme = scheme.replace("redis", "rediss", 1)
    options = {"redis_url": f"{scheme}://{who}{','.join(places)}{path}"}
    if kwargs.get("ssl_ca_certs"):
        options["redis_ca"] = str(kwargs["ssl_ca_certs"])
    return options


def _values(found: Any) -> list[Any]:
    return list(found.values()) if isinstance(found, dict) else list(found)


def _place(kwargs: dict[str, Any]) -> str:
    host = str(kwargs.get("host") or "localhost")
    return f"{f'[{host}]' if ':' in host else host}:{int(kwargs.get('port') or 6379)}"


def _login(kwargs: dict[str, Any]) -> dict[str, str]:
    return {name: str(kwargs[name]) for name in ("username", "password") if kwargs.get(name)}


def _who(kwargs: dict[str, Any]) -> str:
    login = _login(kwargs)
    return f"{quote(login.get('username', ''), safe='')}:{quote(login['password'], safe='')}@" if "password" in login else ""
