#!/bin/sh
# Install what the tests start or check with, above all the XMPP servers, where that is possible: Debian, as root. Without it
# those tests are skipped. Further packages whose commands have the same name, such as wrk, may be given.
set -eu
# slidge apart from the rest, so that what it requires does not decide what is installed for tigrest
venv="$(dirname "$0")/../../.venv"
if [ -x "$venv/bin/python" ] && [ ! -e "$venv/peers" ]; then
    echo "tigrest: installing slidge for the tests"
    rm -rf "$venv/peers.new"
    if "$venv/bin/python" -m pip --disable-pip-version-check --quiet install --target "$venv/peers.new" "slidge~=0.4.2"; then
        mv "$venv/peers.new" "$venv/peers"
    else
        echo "tigrest: slidge could not be installed; tests with it are skipped" >&2
    fi
fi
# what tries the OpenAPI document, likewise apart: schemathesis would be a plugin of pytest, openapi-python-client wants an older typer
if [ -x "$venv/bin/python" ] && [ ! -e "$venv/openapi" ]; then
    echo "tigrest: installing schemathesis and openapi-python-client for the tests"
    rm -rf "$venv/openapi.new"
    if "$venv/bin/python" -m venv "$venv/openapi.new" && "$venv/openapi.new/bin/python" -m pip --disable-pip-version-check --quiet install \
        "schemathesis~=4.32" "openapi-python-client~=0.29.1"; then
        mv "$venv/openapi.new" "$venv/openapi"
    else
        echo "tigrest: they could not be installed; tests with them are skipped" >&2
    fi
fi
missing=""
command -v prosody >/dev/null || missing="prosody prosody-modules"
[ -e /usr/sbin/ejabberdctl ] || missing="$missing ejabberd"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
ls -d /usr/lib/erlang/lib/p1_oauth2* >/dev/null 2>&1 || missing="$missing erlang-p1-oauth2" # tokens of ejabberd
command -v openssl >/dev/null || missing="$missing openssl"
command -v nginx >/dev/null || [ -e /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -e /usr/share/javascript/strophe/strophe.js ] || missing="$missing libjs-strophe"
command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
command -v curl >/dev/null || missing="$missing curl"
command -v sqlite3 >/dev/null || missing="$missing sqlite3"
command -v zsh >/dev/null || missing="$missing zsh"
command -v fish >/dev/null || missing="$missing fish"
command -v biboumi >/dev/null || missing="$missing biboumi"
ls /usr/lib/*/libmagic.so.1 >/dev/null 2>&1 || missing="$missing libmagic1" # slidge loads it
for package in "$@"; do
    command -v "$package" >/dev/null || missing="$missing $package"
done
browser=""
command -v chromedriver >/dev/null || browser="chromium chromium-driver"
[ -n "$missing$browser" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tigrest: tests with real servers are skipped; for them: sudo apt-get install --no-install-recommends $missing $browser" >&2
    exit 0
fi
echo "tigrest: installing $missing $browser for the tests"
# the packages must not start their services
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
# one after the other: where there is no such browser, the servers are installed all the same
for packages in "$missing" "$browser"; do
    if [ -n "$packages" ] && ! apt-get install -y -qq --no-install-recommends $packages >/dev/null; then
        echo "tigrest: $packages could not be installed; tests with them are skipped" >&2
    fi
done
