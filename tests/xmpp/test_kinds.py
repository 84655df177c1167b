from tigrest.xmpp.kinds import DEFAULT_TYPES, KIND_OF_TYPE, NEVER_BOUNCED, REQUESTS, RESPONSES, STANZA_KINDS, STANZA_TYPES, WITH_ARTICLE


def test_each_kind_stands_in_each_table() -> None:
    assert set(STANZA_KINDS) == set(STANZA_TYPES) == set(WITH_ARTICLE) == {"message", "presence", "iq"}


def test_each_type_but_error_tells_its_kind() -> None:
    for kind, types in STANZA_TYPES.items():
        assert "error" in types
        assert {KIND_OF_TYPE[name] for name in types if name != "error"} == {kind}
    assert "error" not in KIND_OF_TYPE


def test_the_other_tables_name_types_that_there_are() -> None:
    assert all(name in STANZA_TYPES[kind] for kind, name in DEFAULT_TYPES.items())
    assert set(STANZA_TYPES["message"]) >= NEVER_BOUNCED
    assert sorted(STANZA_TYPES["iq"]) == sorted([*REQUESTS, *RESPONSES])
