"""Cards at the desk against a model in plain Python, under whatever may be done to them in whatever order."""

from hypothesis import HealthCheck, Phase, settings

from support.models.card_machine import CardMachine

TestCards = CardMachine.TestCase
TestCards.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
