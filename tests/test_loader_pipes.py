"""The same DataLoader where the system has no shared memory: batches come through pipes.

As on macOS and Windows. What holds with slots holds without; pool.SUPPORTED is the switch.
"""

import loader_data as data
import numpy as np
import pytest
from test_loader import (  # noqa: F401
    METHODS,
    batches,
    forked,
    nothing_stays,
    plain,
    test_a_forked_worker_computes_like_its_parent,
    test_a_sample_does_not_depend_on_what_others_draw,
    test_a_stream_is_shared_out,
    test_a_stream_is_taken_up_again,
    test_a_stream_that_fails,
    test_an_epoch_differs_from_the_next_but_follows_the_seed,
    test_an_epoch_is_taken_up_again,
    test_every_sample_comes_once,
    test_every_start_method,
    test_files_and_memory_stay_steady,
    test_generators_that_the_dataset_holds_differ_between_workers_and_epochs,
    test_in_order_false_lets_others_pass,
    test_no_warnings_in_an_ordinary_run,
    test_persistent_workers_after_a_break,
    test_persistent_workers_stay,
    test_random_numbers_do_not_depend_on_the_start_method,
    test_random_samples_do_not_depend_on_workers,
    test_single_samples_and_custom_collating,
    test_slots_grow,
    test_streams_that_share_themselves_out,
    test_tensors_of_the_parent_and_gathering,
    test_two_iterators_of_one_loader,
    test_types_and_layouts_come_through,
    test_what_collate_fn_keeps_is_not_written_over,
    test_workers_end_by_themselves,
)
from test_loader_faults import (  # noqa: F401
    stuck,
    test_a_killed_worker_is_named,
    test_a_stuck_worker_shows_its_stack,
    test_an_exception_comes_with_its_type_index_and_traceback,
    test_break_exception_and_deletion,
    test_deletion_while_a_worker_is_busy,
    test_kills_then_taking_up_again_lose_nothing,
)

from minigrad.utils.data import DataLoader, pool, ring

pytestmark = [pytest.mark.timeout(60), pytest.mark.cpu]


@pytest.fixture(autouse=True)
def no_shared_memory(monkeypatch):
    def refuse(*args):
        raise AssertionError("somebody makes shared memory")

    monkeypatch.setattr(pool, "SUPPORTED", False)
    monkeypatch.setattr(ring.Ring, "__init__", refuse)


def test_a_batch_of_more_than_a_pipe_holds():
    """In a loop that is slower than its workers, which wait for it to read."""
    loader = DataLoader(data.Arrays(24, (100_000,)), 4, num_workers=2, **forked())
    for i, batch in enumerate(loader):
        assert batch["x"].shape == (4, 100_000)
        assert (batch["x"].numpy()[:, 7] == np.arange(4 * i, 4 * i + 4)).all()
        batch["x"].add_(1)


@pytest.mark.parametrize("method", METHODS)
def test_large_datasets_go_through_the_pipe(method):
    x = np.arange(400_000.0).reshape(20, 20_000)
    options = {"num_workers": 2, "multiprocessing_context": method}
    assert batches(x, 5, **options) == batches(x, 5)
