"""The synthetic world: records to try everything on, whose true probabilities are known."""

from records.world.world import World, make_world

__all__ = ["World", "make_world"]
