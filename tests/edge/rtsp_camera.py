"""A camera that speaks RTSP, for the system's Python with GStreamer's bindings: PORT [WORD ...]; prints "ready" once it listens.

USER PASSWORD: it asks for them (Basic); sound: it has no picture; tls CERTIFICATE KEY: RTSP over TLS.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
SOUND = "( audiotestsrc is-live=true ! audioconvert ! alawenc ! rtppcmapay name=pay0 pt=8 )"

Gst.init(None)
port, *words = sys.argv[1:]
factory = GstRtspServer.RTSPMediaFactory()
factory.set_shared(True)
factory.set_launch(SOUND if words == ["sound"] else PICTURES)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
if len(words) > 1:
    authority, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if words[0] == "tls":
        authority.set_tls_certificate(Gio.TlsCertificate.new_from_files(words[1], words[2]))
        authority.set_default_token(token)
    else:
        authority.add_basic(GstRtspServer.RTSPAuth.make_basic(words[0], words[1]), token)
    server.set_auth(authority)
    role = "user,media.factory.access=true,media.factory.construct=true"
    factory.add_role_from_structure(Gst.Structure.new_from_string(role))
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
