"""A bot behind a webhook: answers messages, disco, version and ping.

It takes what tigrest sends, and what Prosody's mod_rest sends. With Flask installed::

    WEBHOOK_SECRET=change-me flask --app examples/flask_bot.py run --port 9000

and in the configuration of the gateway::

    [[webhooks]]
    url = "http://127.0.0.1:9000/api"
    secret = "change-me"
"""

import base64
import hashlib
import hmac
import os
import time

from flask import Flask, Response, abort, jsonify, request

SECRET = os.environ.get("WEBHOOK_SECRET", "")
"""The secret that requests are signed with; without it, whoever reaches the port is believed."""

FEATURES = [
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:version",
    "urn:xmpp:ping",
]

app = Flask(__name__)


@app.before_request
def check_signature() -> None:
    """Refuse what the gateway has not sent. https://www.standardwebhooks.com/"""
    if not SECRET or request.method == "OPTIONS":
        return
    key = base64.b64decode(SECRET[6:]) if SECRET.startswith("whsec_") else SECRET.encode()
    timestamp = request.headers.get("webhook-timestamp", "0")
    signed = f"{request.headers.get('webhook-id')}.{timestamp}.".encode() + request.get_data()
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = request.headers.get("webhook-signature", "").encode().split()
    if not any(hmac.compare_digest(expected.encode(), one) for one in given) or abs(time.time() - int(timestamp)) > 300:
        abort(401)


@app.route("/api", methods=["OPTIONS"])
def options() -> Response:
    """Tell mod_rest that we read JSON; tigrest does not ask."""
    return Response(headers={"Accept": "application/json"})


@app.post("/api")
def stanza() -> Response:
    """Answer a stanza."""
    match request.get_json():
        case {"kind": "message", "type": "error"}:
            return Response(status=202)
        case {"kind": "message", "body": body}:
            return jsonify(body=f"You said: {body}")
        case {"kind": "iq", "type": "get", "disco": _}:
            identity = {"category": "client", "type": "bot", "name": "Flask bot"}
            return jsonify(disco={"identities": [identity], "features": FEATURES})
        case {"kind": "iq", "type": "get", "items": _}:
            return jsonify(items=[{"jid": "example.org", "name": "Example"}])
        case {"kind": "iq", "type": "get", "version": _}:
            return jsonify(version={"name": "flask_bot.py", "version": "1"})
        case {"kind": "iq", "type": "get", "ping": _}:
            return Response(status=204)
        case {"kind": _}:
            return Response(status=501)
        case _:
            return Response(status=400)
