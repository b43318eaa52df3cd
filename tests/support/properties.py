"""With how many examples a property is tried whose every example is several calls of the real command.

Of the properties of one model one is tried with a few by default; the others, and that one at length, are slow.
"""

from hypothesis import Phase, settings

# A failing example is made smaller, and not also explained.
FEW = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
MANY = settings(FEW, max_examples=500)
