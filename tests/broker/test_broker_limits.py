from kgnb.broker.limits import BrokerLimits, RateLimiter, Window


def test_window_lets_in_as_many_as_its_limit_per_period():
    window = Window(2, 10.0)
    assert [window.hit(t) for t in (0.0, 1.0)] == [None, None]
    assert window.hit(4.0) == 6.0
    assert window.hit(10.0) is None
    assert window.hit(10.5) == 0.5


def test_window_counts_what_it_refused_until_the_period_is_over():
    window = Window(1, 10.0)
    for t in range(4):
        window.hit(float(t))
    assert window.excess(4.0) == 3
    assert window.excess(11.0) == 0
    assert window.is_idle(30.0)


def test_window_when_the_clock_is_set_back_locks_nobody_out():
    window = Window(1, 10.0)
    window.hit(1000.0)
    assert window.hit(500.0) is None


def test_limiter_holds_an_identity_to_ten_clients_worth():
    limiter = RateLimiter(BrokerLimits(rate_limit_messages=1))
    verdicts = [limiter.check("u", str(n), 0.0, is_light=False) for n in range(11)]
    assert [v.retry_after is None for v in verdicts] == [True] * 10 + [False]
    assert limiter.check("v", "0", 0.0, is_light=False).retry_after is None


def test_limiter_forgets_the_quiet_ones():
    limiter = RateLimiter(BrokerLimits())
    limiter.check("u", "c", 0.0, is_light=False)
    limiter.forget_idle(30.0)
    assert limiter._windows
    limiter.forget_idle(61.0)
    assert not limiter._windows
