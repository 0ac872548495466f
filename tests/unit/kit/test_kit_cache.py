from stock_analysis.kit.cache import STEP_BACK_S, StepBack


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_works_is_always_asked() -> None:
    step_back = StepBack(Clock())
    assert all(step_back.may_ask() for _ in range(5))


def test_a_server_that_failed_is_left_alone_for_a_while() -> None:
    clock = Clock()
    step_back = StepBack(clock)
    step_back.note_failure()
    clock.now += STEP_BACK_S - 0.1
    assert not step_back.may_ask()


def test_after_the_while_a_single_caller_finds_out_for_all() -> None:
    clock = Clock()
    step_back = StepBack(clock)
    step_back.note_failure()
    clock.now += STEP_BACK_S
    assert [step_back.may_ask() for _ in range(5)] == [True, False, False, False, False]
    step_back.note_answer()
    assert step_back.may_ask()


def test_a_caller_that_never_tells_does_not_stop_the_asking_for_ever() -> None:
    clock = Clock()
    step_back = StepBack(clock)
    step_back.note_failure()
    for _ in range(3):
        clock.now += STEP_BACK_S
        assert step_back.may_ask()
