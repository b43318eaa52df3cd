"""Cards at the desk against a model in plain Python, under whatever may be done to them in whatever order."""

from hypothesis import HealthCheck, settings

from support.models.card_machine import CardMachine
from support.properties import FEW

TestCards = CardMachine.TestCase
TestCards.settings = settings(
    FEW,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
