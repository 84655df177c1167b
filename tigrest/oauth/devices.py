"""Devices without a keyboard or a browser: they show a code, which their user types on a page. RFC 8628"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from urllib.parse import urlencode

from tigrest.auth.client_store import DEVICE_GRANT, Client, ClientStore
from tigrest.auth.device_store import Device, DeviceStore, plain_user_code, shown_user_code
from tigrest.auth.throttle import FailureBuckets, Throttle, network_of
from tigrest.formats.urlencoded import read_parameters
from tigrest.http.mounts import MountRequest
from tigrest.http.replies import Reply
from tigrest.http.requests import base_url, client_address
from tigrest.oauth.browsers import Browser, browser_of
from tigrest.oauth.clients import Clients
from tigrest.oauth.pages import page
from tigrest.oauth.parameters import parameters_of
from tigrest.oauth.problems import OAuthError, answer, too_many, unknown_client
from tigrest.oauth.questions import ConsentAnswer, ConsentQuestion, Questions
from tigrest.oauth.scopes import DEFAULT_SCOPE
from tigrest.oauth.token_issuer import asked_scope

log = logging.getLogger(__name__)


class DeviceEndpoint:
    """Gives devices their codes. RFC 8628 §3.1

    Args:
        clients: authenticates clients.
        devices: stores what they ask for.
        page: path of the page on which users type the code.
        clock: tells monotonic seconds.
    """

    def __init__(self, clients: Clients, devices: DeviceStore, page: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients, self._devices, self._page = clients, devices, page
        self._of_networks = FailureBuckets(30, 2.0, clock)

    async def answer(self, request: MountRequest) -> Reply:
        """Give a device its codes.

        Raises:
            OAuthError: its client is not authenticated or may not, or too many came from its network lately.
            StorageUnavailable: as many devices wait as may.
        """
        parameters = await parameters_of(request)
        client = await self._clients.of(request, parameters)
        if client is None:
            raise unknown_client("the parameter client_id is missing")
        if DEVICE_GRANT not in client.grants:
            raise OAuthError("unauthorized_client", f"the client has not registered the grant type {DEVICE_GRANT}")
        network = network_of(client_address(request.scope))
        if (seconds := self._of_networks.wait(network)) > 0:
            raise too_many("too many devices have asked for codes from your network lately", seconds)
        self._of_networks.add(network)
        codes = await self._devices.add(client.id, asked_scope(parameters) or client.scope or DEFAULT_SCOPE)
        uri = f"{base_url(request.scope)}{self._page}"
        return answer(
            {
                "device_code": codes.device,
                "user_code": codes.user,
                "verification_uri": uri,
                "verification_uri_complete": f"{uri}?{urlencode({'user_code': codes.user})}",
                "expires_in": int(self._devices.limits.lifetime),
                "interval": int(self._devices.limits.interval),
            }
        )


class DevicePage:
    """Asks users whether they grant what a device asks for. RFC 8628 §3.3

    Args:
        clients: where they are.
        devices: where devices wait.
        questions: asks users.
        throttle: slows down guessing of codes, as of passwords. RFC 8628 §5.1
    """

    def __init__(self, clients: ClientStore, devices: DeviceStore, questions: Questions, throttle: Throttle) -> None:
        self._clients, self._devices, self._questions, self._throttle = clients, devices, questions, throttle

    async def answer(self, request: MountRequest) -> Reply:
        """Ask for the code, or go on with a form. A code in the query is only filled in: the user compares it. RFC 8628 §3.3.1

        Raises:
            OAuthError: the form does not count.
            TooManyFailures, NotConnected: as :meth:`tigrest.auth.logins.Logins.sign_in`; so when too many codes were guessed.
        """
        browser = browser_of(request)
        if request.method != "POST":
            code = dict(read_parameters(request.scope["query_string"])).get("user_code", "")
            return page("device.html", browser, user_code=shown_user_code(code), trouble="")
        form = await parameters_of(request)
        browser.check(form)
        found = await self._find(form.get("user_code", ""), client_address(request.scope))
        if found is None:
            return page(
                "device.html", browser, 403, user_code="", trouble="No device waits with this code. It may be over: start again there."
            )
        device, question = found
        if not {"username", "ticket"} & form.keys():
            return self._questions.login_page(question, browser)
        step = await self._questions.ask(request, question, browser, form)
        return step if isinstance(step, Reply) else await self._answered(device, question, step, browser)

    async def _find(self, code: str, address: str) -> tuple[Device, ConsentQuestion] | None:
        """Return the device of a code, and what its user is asked; a wrong code counts as a failed login of the network.

        Raises:
            TooManyFailures: there were too many lately.
        """
        self._throttle.check_network(address)
        device = await self._devices.find_by_user_code(code) if plain_user_code(code) else None
        client = None if device is None else await self._clients.find(device.client)
        if device is None or client is None:
            self._throttle.network_failed(address)
            return None
        return device, _question(device, client, code)

    async def _answered(self, device: Device, question: ConsentQuestion, answered: ConsentAnswer, browser: Browser) -> Reply:
        granted = answered.granted
        if not await self._devices.answer(device, answered.owner, granted.scope or None):
            raise OAuthError("invalid_request", "the device does not wait any more: start again there")
        if granted.scopes:
            log.info("%s grants %s to %s", answered.owner, granted.scope, question.client.name or question.client.id)
        outcome = "granted" if granted.scopes else "refused" if answered.is_refused else "nothing"
        return page("device_done.html", browser, question=question, outcome=outcome)


def _question(device: Device, client: Client, code: str) -> ConsentQuestion:
    return ConsentQuestion(f"device {device.digest}", client, device.scope, "your device", user_code=shown_user_code(code))
