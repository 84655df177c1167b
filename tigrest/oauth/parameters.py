"""Parameters of a request to the authorisation server: a form, in which none stands twice. RFC 6749 §3.2"""

from __future__ import annotations

from collections.abc import Mapping

from tigrest.formats.content import URLENCODED, media_type
from tigrest.http.mounts import MountRequest
from tigrest.oauth.problems import OAuthError

Parameters = Mapping[str, str]
"""Parameters by name. One without a value is not there. RFC 6749 §3.1"""


async def parameters_of(request: MountRequest) -> Parameters:
    """Read the parameters of a request.

    Raises:
        OAuthError: they are no form, or one stands there twice.
        MalformedContent, MislabelledContent, UnsupportedCharset: the form cannot be read.
    """
    if media_type(request.content_type) != URLENCODED:
        raise OAuthError("invalid_request", f"the parameters come as a form: Content-Type: {URLENCODED}")
    given: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        if name in given:
            raise OAuthError("invalid_request", f"the parameter {name[:40]!r} stands there twice")
        given[name] = str(value)
    return {name: value for name, value in given.items() if value}


def required(parameters: Parameters, name: str) -> str:
    """Return a parameter that has to be there.

    Raises:
        OAuthError: it is not.
    """
    if name not in parameters:
        raise OAuthError("invalid_request", f"the parameter {name} is missing")
    return parameters[name]
