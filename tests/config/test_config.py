"""Configuration: what is read, from where, and what is said when it is wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.servers.certificates import make_certificate
from tigrest.auth.issuer_settings import ClaimValue
from tigrest.config import Config, builtin_commands, builtin_scripts, find, known_keys, load, script_dirs
from tigrest.config.origins import lines_of
from tigrest.errors import ConfigError
from tigrest.passwords import Passwords
from tigrest.xmpp.jid import JID

SHIPPED = Path(__file__).parent.parent.parent / "etc" / "config.toml"
HASH = Passwords(1, 8, 1).hash_now("secret")


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    return load(path, environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    """Return the problems of a configuration, without the folder it lies in."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, **environ)
    return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def uncommented() -> str:
    """Return the shipped file with its commented-out examples in force."""
    return re.sub(r"(?m)^# (?=\w+ = |\[\[|\[\w+\.)", "", SHIPPED.read_text("utf-8"))


# The shipped file


def test_the_shipped_file_is_the_defaults() -> None:
    assert load(SHIPPED, {}) == Config()


def test_the_shipped_file_has_every_key() -> None:
    lines = {re.sub(r"\[\d+\]", "[]", key).replace(".support.", ".<group>.") for key in lines_of(uncommented())}
    assert set(known_keys()) - lines == set()


def test_the_commented_examples_of_the_shipped_file_are_valid(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^\w+_file = .*$", "", uncommented())
    alternatives = {
        "key": text.replace("\nkey_hash", "\n#").replace("\npassword_hash", "\n#"),
        "hash": text.replace("\nkey =", "\n# =").replace('password = "change-me"\n\npassword_hash', "\npassword_hash"),
    }
    for name, alternative in alternatives.items():
        config = loaded(tmp_path, alternative)
        assert len(config.webhooks) == len(config.auth.api_keys) == len(config.auth.accounts) == len(config.embedded.accounts) == 1, name


def test_the_shipped_comments_state_the_defaults(tmp_path: Path) -> None:
    (key,) = loaded(tmp_path, '[[auth.api_keys]]\nname = "a"\nkey = "b"').auth.api_keys
    (hook,) = loaded(tmp_path, '[[webhooks]]\nurl = "http://a"').webhooks
    examples = tomllib.loads(uncommented())
    for model, example, given in (
        (key, examples["auth"]["api_keys"][0], {"name", "key", "key_file", "key_hash"}),
        (hook, examples["webhooks"][0], {"url", "name", "secret", "secret_file"}),
    ):
        for name in set(example) - given:
            value = getattr(model, name)
            assert (list(value) if isinstance(value, tuple) else value) == example[name], name


# Where it comes from


def test_the_option_comes_before_the_variable_and_the_variable_before_the_default_file(tmp_path: Path) -> None:
    default = tmp_path / "etc" / "config.toml"
    assert find(None, {}, tmp_path) is None
    default.parent.mkdir()
    default.touch()
    assert find(None, {}, tmp_path) == default
    assert find(None, {"TIGREST_CONFIG": "v.toml"}, tmp_path) == tmp_path / "v.toml"
    assert find(None, {"TIGREST_CONFIG": ""}, tmp_path) == default
    assert find(Path("o.toml"), {"TIGREST_CONFIG": "v.toml"}, tmp_path) == tmp_path / "o.toml"
    assert find(Path("/o.toml"), {}, tmp_path) == Path("/o.toml")


def test_without_a_file_the_defaults_are_used() -> None:
    assert load(None, {}) == Config()


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "nope.toml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match=r"not text in UTF-8 \(byte 2\)"):
        load(path, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[http]\nport == 1\n", "config.toml:2:7: not TOML: Invalid value"),
        ("[http", "config.toml: not TOML: Expected ']' at the end of a table declaration (at end of document)"),
        ("[http]\nport = 1\nport = 2\n", "config.toml:3:9: not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "config.toml: nested too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_an_error_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [problem]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff[http]\nport = 1\n").http.port == 1


# Environment variables


def test_variables_override_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, "[http]\nport = 1\nhost = 'a'", TIGREST__HTTP__PORT="2", TIGREST__XMPP__DOMAIN="example.org")
    assert (config.http.port, config.http.host, config.xmpp.domain) == (2, "a", "example.org")


def test_values_of_variables_are_toml_or_else_text() -> None:
    environ = {
        "TIGREST__SCRIPTS__RELOAD": "false",
        "TIGREST__SCRIPTS__DIRS": '["a", "b"]',
        "TIGREST__HTTP__HOST": '"quoted"',
        "TIGREST__XMPP__SECRET": "12345",
        "TIGREST__XMPP__HOST": "a\nport = 1",
        "TIGREST__STATE__DATABASE": "true",
        "TIGREST__AUTH__API_KEYS": '[{name = "a", key = "b"}]',
        "TIGREST__WEBHOOKS": '[{url = "http://a"}]',
    }
    config = load(None, environ)
    assert config.scripts.reload is False
    assert config.scripts.dirs == (Path("a"), Path("b"))
    assert config.http.host == "quoted"
    assert config.xmpp.secret.get_secret_value() == "12345"
    assert config.xmpp.host == "a\nport = 1"
    assert config.state.database == "true"
    assert config.auth.api_keys[0].name == "a"
    assert config.webhooks[0].url == "http://a"


def test_a_wrong_value_names_its_variable(tmp_path: Path) -> None:
    assert problems(tmp_path, "[http]\nport = 1", TIGREST__HTTP__PORT="x") == [
        "TIGREST__HTTP__PORT: http.port: is text; expected a whole number"
    ]
    assert problems(tmp_path, "", TIGREST__AUTH__API_KEYS='[{name = "a"}]') == [
        "TIGREST__AUTH__API_KEYS: auth.api_keys[0].key: is missing: give key, key_file or key_hash"
    ]


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("TIGREST__HTTP__PROT", "did you mean TIGREST__HTTP__PORT?"),
        ("TIGREST__HTTP__port", "did you mean TIGREST__HTTP__PORT?"),
        ("TIGREST__QQ", "write TIGREST__SECTION__KEY"),
    ],
)
def test_an_unknown_variable_is_an_error(tmp_path: Path, name: str, cure: str) -> None:
    assert problems(tmp_path, "", **{name: "1"}) == [f"{name}: unknown variable; {cure}"]


def test_a_variable_for_a_secret_overrides_the_secret_file_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    named = f'[xmpp]\nsecret_file = "{tmp_path}/secret"'
    assert loaded(tmp_path, named, TIGREST__XMPP__SECRET="plain").xmpp.secret.get_secret_value() == "plain"
    plain = loaded(tmp_path, '[xmpp]\nsecret = "plain"', TIGREST__XMPP__SECRET_FILE=f"{tmp_path}/secret")
    assert plain.xmpp.secret.get_secret_value() == "from the file"


# What is said when it is wrong


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[http]\nprot = 1", "config.toml:2: http.prot: unknown key; did you mean http.port?"),
        ("port = 1", "config.toml:1: port: unknown key; did you mean http.port?"),
        ("[htpp]\nport = 1", "config.toml:1: htpp: unknown key; did you mean http?"),
        ("[bosh]\nzzz = 1", "config.toml:2: bosh.zzz: unknown key; known here: url"),
        ("http.prot = 1", "config.toml:1: http.prot: unknown key; did you mean http.port?"),
        ('[http]\n"ho st" = 1', "config.toml:2: http.ho st: unknown key; did you mean http.host?"),
        ("http = 3", "config.toml:1: http: is a whole number; expected a table"),
        ('[http]\nport = "80"', "config.toml:2: http.port: is text; expected a whole number"),
        ("[http]\nport = true", "config.toml:2: http.port: is true; expected a whole number"),
        ("[http]\nport = 80.0", "config.toml:2: http.port: is a number with a fraction; expected a whole number"),
        ("[http]\nport = 65536", "config.toml:2: http.port: is 65536; expected a number not above 65535"),
        ("[http]\nport = -1", "config.toml:2: http.port: is -1; expected a number not below 0"),
        ("[http]\nmax_body = 0", "config.toml:2: http.max_body: is 0; expected a number above 0"),
        ("[http]\nstop_timeout = 0", "config.toml:2: http.stop_timeout: is 0; expected a number above 0.0"),
        ("[http]\nrequest_timeout = inf", "config.toml:2: http.request_timeout: is inf; expected a finite number"),
        ("[http]\nhost = 1979-05-27", "config.toml:2: http.host: is a date or time; expected text in quotes"),
        ('[http]\nhost = ""', "config.toml:2: http.host: is empty"),
        ('[http]\ncors_origins = "*"', "config.toml:2: http.cors_origins: is text; expected an array"),
        ("[scripts]\nreload = 1", "config.toml:2: scripts.reload: is a whole number; expected true or false"),
        ("[scripts]\ndirs = [1]", "config.toml:2: scripts.dirs[0]: is a whole number; expected text in quotes"),
        ('[xmpp]\nbackend = "prosody"', 'config.toml:2: xmpp.backend: is "prosody"; use "embedded" or "component"'),
        ("[xmpp]\nport = 0", "config.toml:2: xmpp.port: is 0; expected a number not below 1"),
        (
            '[xmpp]\ndomain = "a@b"',
            'config.toml:2: xmpp.domain: "a@b" is not a domain: leave out what stands before "@" and behind "/"',
        ),
        (
            '[xmpp]\njid = "localhost"',
            'config.toml:2: xmpp.jid: "localhost" is the domain of the users; use one of our own, such as "http.localhost"',
        ),
        (
            '[xmpp]\nbackend = "component"',
            "config.toml:1: xmpp.secret: is missing: the component back end needs the secret that the XMPP server knows, or secret_file",
        ),
        ('[auth]\nadmins = ["admin"]', 'config.toml:2: auth.admins[0]: "admin" is not the address of a user: write local@domain'),
        ('[auth]\nadmins = ["a@b/c"]', 'config.toml:2: auth.admins[0]: "a@b/c" is not the address of a user: write local@domain'),
        ('[[auth.api_keys]]\nkey = "x"', "config.toml:1: auth.api_keys[0].name: is missing"),
        (
            '[[auth.api_keys]]\nname = "a"\nkey = "x"\n[[auth.api_keys]]\nname = "b"\nkey = ""',
            "config.toml:6: auth.api_keys[1].key: is empty",
        ),
        (
            '[[auth.api_keys]]\nname = "a"\nkey = "x"\n\n[[auth.api_keys]]\nname = "a"\nkey = "y"',
            'config.toml:6: auth.api_keys[1].name: "a" is there twice',
        ),
        ("[bosh]\nurl = 'ftp://a'", "config.toml:2: bosh.url: is not an http:// or https:// URL"),
        ("[bosh]\nurl = 'http://a:b'", "config.toml:2: bosh.url: is not a URL: Port could not be cast to integer value as 'b'"),
        (
            '[[rooms]]\njid = "a@b.c"\ncreate = true\nstay = false',
            "config.toml:3: rooms[0].create: is for rooms in which the gateway stays: leave out stay = false",
        ),
        (
            '[[rooms]]\njid = "a@b.c"\noptions = { public = true }',
            "config.toml:3: rooms[0].options: are those of a room that the gateway makes: add create = true",
        ),
        ('[[webhooks]]\nurl = "http://a"\nconcurrency = 0', "config.toml:3: webhooks[0].concurrency: is 0; expected a number above 0"),
        (
            '[[webhooks]]\nurl = "http://{to}.a/"',
            "config.toml:2: webhooks[0].url: has a variable in its host; variables may stand in path and query only",
        ),
        (
            '[[webhooks]]\nurl = "http://{kind}@a/"',
            "config.toml:2: webhooks[0].url: has a variable in its host; variables may stand in path and query only",
        ),
        ('[[webhooks]]\nurl = "http://a/{form}"', "config.toml:2: webhooks[0].url: has the variable {form}; did you mean {from}?"),
        (
            '[[webhooks]]\nurl = "http://a/?x={body}"',
            "config.toml:2: webhooks[0].url: has the variable {body}; there are {kind}, {type}, {to}, {from}",
        ),
        (
            '[[webhooks]]\nurl = "http://a/{to"',
            'config.toml:2: webhooks[0].url: has a single "{" or "}"; write "%7B" or "%7D", or a variable such as "{to}"',
        ),
        (
            '[[webhooks]]\nurl = "http://a/#{to}"',
            'config.toml:2: webhooks[0].url: has a part behind "#", which is never sent; leave it out, or write "%23"',
        ),
        (
            '[[webhooks]]\nurl = "http://u:p@a/x?y=1"\n[[webhooks]]\nurl = "http://a/x?y=2"',
            'config.toml:3: webhooks[1].name: "http://a/x" is another webhook too; give each a name of its own',
        ),
        (
            '[[hooks]]\nname = "a"\nformat = "text"\nto = "bob@localhost"',
            "config.toml:1: hooks[0].secret: is missing: give secret or secret_file",
        ),
        (
            '[[hooks]]\nname = "a"\nformat = "text"\nto = "bob@localhost"\nsecret = "short"',
            "config.toml:2: hooks[0].name: cannot be a hook: the secret of a hook has at least 16 characters of ASCII, without spaces around",
        ),
        (
            '[[hooks]]\nname = "a/b"\nformat = "text"\nto = "bob@localhost"\nsecret = "0123456789abcdef"',
            "config.toml:2: hooks[0].name: cannot be a hook: the name of a hook is 'a/b'; use lower-case letters, digits, ., _ and -, at most 64",
        ),
        ('[[webhooks]]\nurl = "http://a"\nsecret = ""', "config.toml:3: webhooks[0].secret: is empty"),
        (
            '[[webhooks]]\nurl = "http://a"\nsecret = "whsec_?"',
            'config.toml:3: webhooks[0].secret: begins with "whsec_", but does not go on in Base64; make one with: openssl rand -base64 24',
        ),
        (
            '[[webhooks]]\nurl = "http://a/' + 200 * "b" + '"',
            "config.toml:1: webhooks[0].name: is missing, and the URL, which stands for it, is longer than 200 characters, or not printable",
        ),
        (
            '[[webhooks]]\nurl = "http://a"\nstanzas = ["msg"]',
            'config.toml:3: webhooks[0].stanzas[0]: is "msg"; use "message", "presence" or "iq"',
        ),
        (
            '[[embedded.accounts]]\njid = "a@example.org"\npassword = "x"',
            'config.toml:2: embedded.accounts[0].jid: "a@example.org" is not an address of the embedded domain, '
            'which xmpp.domain calls "localhost"',
        ),
        (
            '[[embedded.accounts]]\njid = "a@localhost"',
            "config.toml:1: embedded.accounts[0].password: is missing: give password or password_file",
        ),
        ('[state]\ndatabase = ""', "config.toml:2: state.database: is empty"),
    ],
)
def test_a_problem_names_place_key_and_cure(tmp_path: Path, text: str, problem: str) -> None:
    assert problems(tmp_path, text) == [problem]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "[http]\nprot = 1\nport = 'x'\n[xmpp]\ndomain = ''", TIGREST__HTTP__PROT="1")
    assert len(found) == 4


@pytest.mark.parametrize("value", ["/(", "[", "(?P<a"])
def test_paths_of_keys_have_to_be_regular_expressions(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f'[[auth.api_keys]]\nname = "a"\nkey = "x"\npaths = ["/ok", "{value}"]')
    assert found.startswith(f'config.toml:4: auth.api_keys[0].paths[1]: "{value}" is not a regular expression: ')


@pytest.mark.parametrize("value", ["10.0.0.1/8", "example.org", "*", "300.1.1.1", "unix:"])
def test_trusted_proxies_have_to_be_addresses_or_networks(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f'[http]\ntrusted_proxies = ["::1", "10.0.0.0/8", "{value}"]')
    assert found.startswith(f'config.toml:2: http.trusted_proxies[2]: "{value}" is not an IP address or network')


@pytest.mark.parametrize("value", ["example.org", "http://a/", "http://a/b", "http://u@a", "ftp://a", "http://", "null", "https://a?b"])
def test_cors_origins_have_to_be_origins(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f'[http]\ncors_origins = ["*", "https://a.b:8443", "{value}"]')
    assert found.startswith(f'config.toml:2: http.cors_origins[2]: "{value}" is not an origin')


# Addresses


def test_addresses_are_prepared() -> None:
    config = load(None, {"TIGREST__XMPP__DOMAIN": "Example.ORG", "TIGREST__AUTH__ADMINS": '["Ann@Example.org"]'})
    assert isinstance(config.xmpp.domain, JID)
    assert (config.xmpp.domain, config.xmpp.jid, config.auth.admins) == ("example.org", "http.example.org", ("ann@example.org",))


def test_identities_depend_on_the_back_end_unless_they_are_set() -> None:
    embedded = load(None, {}).xmpp
    assert (embedded.effective_send_as, embedded.effective_adhoc_as) == ("user", "user")
    component = load(None, {"TIGREST__XMPP__BACKEND": "component", "TIGREST__XMPP__SECRET": "x"}).xmpp
    assert (component.effective_send_as, component.effective_adhoc_as) == ("gateway", "gateway")
    chosen = load(None, {"TIGREST__XMPP__SEND_AS": "gateway"}).xmpp
    assert (chosen.effective_send_as, chosen.effective_adhoc_as) == ("gateway", "user")


# Secrets


def test_secrets_are_read_from_files_without_the_final_newline(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a b\r\n")
    text = f"""
        [xmpp]
        secret = ""
        secret_file = "{tmp_path}/s"
        [[auth.accounts]]
        jid = "a@b"
        password_file = "{tmp_path}/s"
        [[auth.api_keys]]
        name = "a"
        key_file = "{tmp_path}/s"
        [[embedded.accounts]]
        jid = "a@localhost"
        password_file = "{tmp_path}/s"
        [[webhooks]]
        url = "http://a"
        secret_file = "{tmp_path}/s"
    """
    config = loaded(tmp_path, text)
    secrets = [
        config.xmpp.secret,
        config.auth.accounts[0].password,
        config.auth.api_keys[0].key,
        config.embedded.accounts[0].password,
        config.webhooks[0].secret,
    ]
    assert [secret and secret.get_secret_value() for secret in secrets] == ["a b"] * 5


def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    text = '[[embedded.accounts]]\njid = "a@localhost"\npassword = "x"\npassword_file = "y"'
    assert problems(tmp_path, text) == [
        "config.toml:4: embedded.accounts[0].password_file: cannot stand together with password; keep one of the two"
    ]


def test_a_secret_file_has_to_be_readable_and_not_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    where = "config.toml:2: xmpp.secret_file: "
    for name, problem in (
        ("nope", "nope cannot be read: No such file or directory"),
        ("empty", "empty is empty"),
        ("binary", "binary is not text in UTF-8"),
    ):
        assert problems(tmp_path, f'[xmpp]\nsecret_file = "{tmp_path}/{name}"') == [where + problem]


def test_an_authority_is_a_certificate_in_pem(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\n")
    for key, value in {"c2s_ca": "abc", "c2s_ca_file": f"{tmp_path}/key"}.items():
        problem = f"config.toml:2: xmpp.{key}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
        assert problems(tmp_path, f'[xmpp]\n{key} = "{value}"') == [problem]
    authority = make_certificate(tmp_path / "made", "example.com").authority
    assert loaded(tmp_path, f'[xmpp]\nc2s_ca_file = "{authority}"').xmpp.c2s_ca == Path(authority).read_text("utf-8").rstrip("\n")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("", "password: is missing: give password, password_file or password_hash"),
        (f'password = "x"\npassword_hash = "{HASH}"', "password_hash: cannot stand together with password; keep one of the two"),
        ('password_hash = "secret"', "password_hash: is not an argon2id hash; make one with: tigrest hash-password"),
        ('password_hash = "$argon2id$v=19$x"', "password_hash: is not an argon2id hash; make one with: tigrest hash-password"),
    ],
)
def test_an_account_has_a_password_or_its_hash(tmp_path: Path, keys: str, problem: str) -> None:
    (found,) = problems(tmp_path, f'[[auth.accounts]]\njid = "a@b"\n{keys}')
    assert found.partition("auth.accounts[0].")[2] == problem


def test_hashes_are_accepted(tmp_path: Path) -> None:
    digest = "AB" * 32
    text = f'[[auth.accounts]]\njid = "a@b"\npassword_hash = "{HASH}"\n[[auth.api_keys]]\nname = "a"\nkey_hash = "sha256:{digest}"'
    config = loaded(tmp_path, text)
    assert config.auth.accounts[0].password_hash == HASH
    assert config.auth.api_keys[0].key_hash == f"sha256:{digest.lower()}"


@pytest.mark.parametrize("value", ["sha256:12", "md5:" + "a" * 64, "a" * 64])
def test_the_hash_of_a_key_has_a_form(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f'[[auth.api_keys]]\nname = "a"\nkey_hash = "{value}"')
    assert "auth.api_keys[0].key_hash: is not the hash of a key" in found


def test_secrets_do_not_show(tmp_path: Path) -> None:
    text = f"""
        [xmpp]
        secret = "hush"
        [state]
        database = "postgresql+asyncpg://me:hush@host/db"
        [bosh]
        url = "http://me:hush@host/"
        [[auth.accounts]]
        jid = "a@b"
        password = "hush"
        [[auth.accounts]]
        jid = "c@b"
        password_hash = "{HASH}"
        [[auth.api_keys]]
        name = "a"
        key = "hush"
        [[webhooks]]
        url = "http://me:hush@host/"
        secret = "hush"
    """
    shown = repr(loaded(tmp_path, text))
    assert "hush" not in shown
    assert "argon2id" not in shown


def test_secrets_do_not_show_in_problems(tmp_path: Path) -> None:
    text = (
        '[[auth.accounts]]\njid = 3\npassword = "hush"\n[xmpp]\nsecret = ["hush"]\n[[webhooks]]\nurl = "me:hush@host"\nsecret = {hush = 1}'
    )
    assert "hush" not in " ".join(problems(tmp_path, text))


# Models


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().http.port = 1


def test_known_keys_name_arrays() -> None:
    assert {"http.port", "auth.api_keys[].name", "webhooks[].url", "embedded.accounts[].password_file"} <= set(known_keys())


# Directories of scripts


def test_the_default_directory_is_made_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert script_dirs(Config(), create=False) == [builtin_scripts()]
    assert not Path("scripts").exists()
    assert script_dirs(Config(), create=True) == [Path("scripts/rest"), builtin_scripts()]
    assert Path("scripts/rest").is_dir()


def test_a_named_directory_has_to_exist(tmp_path: Path) -> None:
    config = loaded(tmp_path, f'[scripts]\ndirs = ["{tmp_path}", "{tmp_path}/no"]')
    for create in (True, False):
        with pytest.raises(ConfigError, match=r"scripts\.dirs: .*/no does not exist; create it \(mkdir -p .*/no\) or correct"):
            script_dirs(config, create)


def test_a_directory_is_not_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scripts").mkdir()
    Path("scripts/rest").touch()
    with pytest.raises(ConfigError, match=r"scripts/rest is not a directory"):
        script_dirs(Config(), create=True)


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scripts").touch()
    with pytest.raises(ConfigError, match=r"scripts/rest cannot be created: "):
        script_dirs(Config(), create=True)


def test_built_in_handlers_can_be_left_out(tmp_path: Path) -> None:
    config = loaded(tmp_path, f'[scripts]\ndirs = ["{tmp_path}"]\nbuiltins = false')
    assert script_dirs(config, create=False) == [tmp_path]
    assert (builtin_scripts() / "avatar").is_dir()


def test_the_wheel_has_the_built_in_handlers_where_they_are_looked_for() -> None:
    project = tomllib.loads((SHIPPED.parent.parent / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"scripts/commands": "tigrest/builtin_commands", "scripts/rest": "tigrest/builtin_scripts"}
    assert builtin_commands() == SHIPPED.parent.parent / "scripts" / "commands"
    assert builtin_scripts() == SHIPPED.parent.parent / "scripts" / "rest"


# Identity providers

ISSUER = '[[auth.issuers]]\nurl = "https://sso.example.org/realms/main"\naudience = "tigrest"\n'


def test_an_identity_provider_has_one_audience_or_several(tmp_path: Path) -> None:
    (issuer,) = loaded(
        tmp_path, ISSUER + 'admin_claim = "realm_access.roles=a=b"\nscopes = {"groups=ops" = ["deploy", "muc"]}'
    ).auth.issuers
    assert (issuer.audience, issuer.admin_claim) == (("tigrest",), ClaimValue("realm_access.roles", "a=b"))
    assert issuer.scopes == {ClaimValue("groups", "ops"): ("deploy", "muc")}
    assert loaded(tmp_path, ISSUER.replace('"tigrest"', '["a", "b"]')).auth.issuers[0].audience == ("a", "b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ISSUER.replace("https:", "http:"), 'config.toml:2: auth.issuers[0].url: "http://sso.example.org/realms/main" is no https:// URL'),
        (ISSUER.replace("main", "main/.well-known/openid-configuration"), "leave that out"),
        (ISSUER.replace('"tigrest"', "[]"), "config.toml:3: auth.issuers[0].audience: is empty"),
        (ISSUER.replace('audience = "tigrest"', ""), "config.toml:1: auth.issuers[0].audience: is missing"),
        (ISSUER + 'algorithms = ["HS256"]', "config.toml:4: auth.issuers[0].algorithms[0]: "),
        (ISSUER + 'algorithms = ["none"]', "config.toml:4: auth.issuers[0].algorithms[0]: "),
        (ISSUER + "algorithms = []", "config.toml:4: auth.issuers[0].algorithms: is empty"),
        (ISSUER + 'admin_claim = "admins"', 'config.toml:4: auth.issuers[0].admin_claim: "admins" is not a claim and its value'),
        (ISSUER + 'jwks_url = "http://a/keys"', 'config.toml:4: auth.issuers[0].jwks_url: "http://a/keys" is no https:// URL'),
        (ISSUER + 'scopes = {"groups=ops" = ["admin"]}', '"admin" is not given here: use admin_claim'),
        (ISSUER + 'scopes = {"groups=ops" = ["Big"]}', '"Big" is no scope'),
        (ISSUER + 'scopes = {"ops" = ["a"]}', '"ops" is not a claim and its value'),
        (ISSUER + 'claim = "sub"', "auth.issuers[0].claim: unknown key; did you mean auth.issuers[0].jid_claim?"),
        (ISSUER + ISSUER, 'config.toml:5: auth.issuers[1].url: "https://sso.example.org/realms/main" is there twice'),
    ],
)
def test_what_is_no_identity_provider_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)[0]
