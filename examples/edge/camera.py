"""A camera on this machine that speaks RTSP, for Debian's Python with GStreamer (`run_example.py` starts it).

/usr/bin/python3 camera.py PORT LOGIN [FRAMES WIDTH HEIGHT RATE]

LOGIN: a file of user and password, a line each. FRAMES: raw I420 pictures, shown again and again; without them a ball.
Prints "ready" once it listens at rtsp://127.0.0.1:PORT/cam.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CODED = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=20 ! rtph264pay name=pay0 pt=96 config-interval=1"


def pictures(words: list[str]) -> str:
    """What GStreamer runs."""
    if not words:
        return f"( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=10/1 ! {CODED} )"
    path, width, height, rate = words
    form = f"rawvideoparse format=i420 width={width} height={height} framerate={rate}/1"
    return f"( multifilesrc location={path} loop=true ! {form} ! clocksync ! {CODED} )"


def main() -> None:
    Gst.init(None)
    user, password = Path(sys.argv[2]).read_text().splitlines()[:2]
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(pictures(sys.argv[3:]))
    authority, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    authority.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    factory.add_role_from_structure(Gst.Structure.new_from_string("user,media.factory.access=true,media.factory.construct=true"))
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    server.set_auth(authority)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
