"""What a row is."""
import random


class Row:
    """A number of trials that do not depend on each other: trial k is always the same.

    A scale is 0 for commit size, otherwise a multiple of the release level.
    """
    name = title = ""
    commit_trials = 1
    release_trials = 1
    alone = False  # whether its trials run one at a time

    def set_up(self, program, folder, scale):
        """Prepares what all trials share, below `folder`. Raises Skip where the row cannot run."""

    def num_trials(self, scale):
        return self.scaled(self.commit_trials, self.release_trials, scale)

    def trial(self, program, folder, number, scale):
        """Runs trial `number` in a new folder. Returns counts; raises Failure."""
        raise NotImplementedError

    def order(self, count):
        """So that a part of the trials is a fair sample."""
        numbers = list(range(count))
        random.Random(1).shuffle(numbers)
        return numbers

    def enough(self, counters, scale):
        """Whether the counts are reached, however many trials there are."""
        return False

    @staticmethod
    def scaled(commit, release, scale):
        return commit if scale == 0 else max(1, round(release * scale))
