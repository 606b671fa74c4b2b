"""Config: a small mapping that is falsy when empty."""

from kgnb.graph import Config


def test_config_reads_and_writes():
    config = Config(a=1)
    config.set("b", 2)
    config.update(c=3)
    assert config.to_dict() == {"a": 1, "b": 2, "c": 3}
    assert config.get("a") == 1
    assert config.get("z") is None
    assert config.get("z", 9) == 9
    assert repr(Config(a=1)) == "Config(a=1)"


def test_config_merge_makes_a_new_one_and_the_other_wins():
    first, second = Config(a=1, b=1), Config(b=2)
    merged = first.merge(second)
    assert merged.to_dict() == {"a": 1, "b": 2}
    assert first.to_dict() == {"a": 1, "b": 1}


def test_config_empty_is_falsy():
    assert not Config()
    assert Config(a=None)


def test_config_to_dict_is_a_copy():
    config = Config(a=1)
    config.to_dict()["a"] = 2
    assert config.get("a") == 1
