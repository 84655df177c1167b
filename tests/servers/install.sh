#!/bin/sh
# Install what the tests start or check with, above all the XMPP servers, where that is possible: Debian, as root. Without it
# those tests are skipped. Further packages whose commands have the same name, such as wrk, may be given.
set -eu
missing=""
command -v prosody >/dev/null || missing="prosody prosody-modules"
[ -e /usr/sbin/ejabberdctl ] || missing="$missing ejabberd"
command -v openssl >/dev/null || missing="$missing openssl"
command -v nginx >/dev/null || [ -e /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
command -v curl >/dev/null || missing="$missing curl"
command -v chromedriver >/dev/null || missing="$missing chromium chromium-driver"
for package in "$@"; do
    command -v "$package" >/dev/null || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tigrest: tests with real servers are skipped; for them: sudo apt-get install --no-install-recommends $missing" >&2
    exit 0
fi
echo "tigrest: installing $missing for the tests"
# the packages must not start their services
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; }; then
    echo "tigrest: they could not be installed; tests with real servers are skipped" >&2
fi
