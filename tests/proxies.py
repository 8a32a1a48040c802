"""The shared caches that people run in front of Python: Debian's nginx and Varnish.

    with running(Nginx(), origin) as address: ...

Each has the same pages in several places, set up by operators of different minds:

- `/`: as it comes. Varnish's built-in VCL then passes every request that has a cookie.
- `/shared/`: requests with cookies are looked up, and answers without caching headers are stored.
- `/careless/`: answers that set a cookie are stored, too.
- `/renewed/`: what is stored is stale at once, and the origin is asked whether it still holds; in
  nginx this takes a header of the response (`Proxy.stale`).

Whatever Host a visitor sends, the application sees `PUBLIC_HOST`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from servers import HOST, answering, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from raw_client import Address

PUBLIC_HOST = "www.shop.example"

# A user's PATH need not have what administrators run.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])


class Proxy(ABC):
    """A caching reverse proxy, as its Debian package installs it."""

    package: ClassVar[str]
    command: ClassVar[str]
    stale: ClassVar[tuple[str, ...]]
    """Response headers that `/renewed/` wants before others."""

    def __str__(self) -> str:
        return self.package

    def available(self) -> str | None:
        """Return None when this proxy can be run, else how to get it."""
        if self.executable():
            return None
        return f"{self.command} is not installed: apt-get install {self.package}"

    def executable(self) -> str | None:
        """Return the path of the program."""
        return shutil.which(self.command, path=_PATH)

    @abstractmethod
    def argv(self, folder: Path, port: int, origin: Address) -> list[str]:
        """Write the configuration into `folder` and give the arguments that use it."""


@contextmanager
def running(proxy: Proxy, origin: Address, log: IO[bytes] | None = None) -> Iterator[Address]:
    """Run the proxy in front of `origin`, with an empty cache that goes away with it."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cache-") as folder:
        argv = [proxy.executable() or proxy.command, *proxy.argv(Path(folder), port, origin)]
        with answering(argv, port, log=log) as address:
            yield address


class Nginx(Proxy):
    """nginx; buffers and all else that is not said here are as they come."""

    package = "nginx"
    command = "nginx"
    stale = ("X-Accel-Expires:@1",)

    # The workers of a master that is root must reach the folder; other masters ignore `user`.
    CONFIGURATION = """
        user root;
        daemon off;
        pid pid;
        worker_processes 1;
        events {{ }}
        http {{
            access_log off;
            client_body_temp_path body;
            fastcgi_temp_path fastcgi;
            proxy_temp_path proxy;
            scgi_temp_path scgi;
            uwsgi_temp_path uwsgi;

            proxy_cache_path cache keys_zone=pages:1m;
            proxy_cache pages;
            proxy_set_header Host {public_host};
            add_header X-Cache $upstream_cache_status always;

            server {{
                listen {host}:{port};
                location / {{
                    proxy_pass http://{origin};
                }}
                location /shared/ {{
                    proxy_pass http://{origin};
                    proxy_cache_valid 200 10m;
                }}
                location /careless/ {{
                    proxy_pass http://{origin};
                    proxy_cache_valid 200 10m;
                    proxy_ignore_headers Set-Cookie;
                }}
                location /renewed/ {{
                    proxy_pass http://{origin};
                    proxy_cache_revalidate on;
                    proxy_ignore_headers Set-Cookie;
                }}
            }}
        }}
    """

    def argv(self, folder: Path, port: int, origin: Address) -> list[str]:
        """Write nginx.conf; its paths are relative to the folder."""
        text = self.CONFIGURATION.format(
            host=HOST, port=port, origin=f"{origin[0]}:{origin[1]}", public_host=PUBLIC_HOST
        )
        (folder / "nginx.conf").write_text(text)
        return ["-e", "stderr", "-p", str(folder), "-c", "nginx.conf"]


class Varnish(Proxy):
    """Varnish, whose built-in VCL follows where ours returns nothing."""

    package = "varnish"
    command = "varnishd"
    stale = ()

    CONFIGURATION = """
        vcl 4.1;

        backend origin {{ .host = "{host}"; .port = "{origin_port}"; }}

        sub vcl_recv {{
            set req.http.Host = "{public_host}";
            if (req.url ~ "^/(shared|careless|renewed)/" && req.method == "GET") {{
                return (hash);
            }}
        }}

        sub vcl_backend_response {{
            if (bereq.url ~ "^/careless/" && beresp.http.Cache-Control !~ "private|no-store") {{
                set beresp.ttl = 10m;
                return (deliver);
            }}
            if (bereq.url ~ "^/renewed/") {{
                set beresp.ttl = 1ms * 0.001;  # what was never fresh is not kept
                set beresp.grace = 0s;
                set beresp.keep = 1h;
                return (deliver);
            }}
        }}
    """

    def argv(self, folder: Path, port: int, origin: Address) -> list[str]:
        """Write the VCL; no management port, and no jail, which would need users of its own."""
        vcl = folder / "site.vcl"
        text = self.CONFIGURATION.format(
            host=origin[0], origin_port=origin[1], public_host=PUBLIC_HOST
        )
        vcl.write_text(text)
        small = ["-s", "malloc,16m", "-p", "vsl_space=1M"]
        place = ["-n", str(folder / "varnish"), "-a", f"{HOST}:{port}", "-f", str(vcl)]
        return ["-F", "-j", "none", "-T", "none", *small, *place]


PROXIES: list[Proxy] = [Nginx(), Varnish()]
