"""For each statement of the platform, arguments that find the rows of seed.sql."""

import hashlib
from datetime import UTC, date, datetime
from uuid import UUID

RUN = UUID(int=1)
CONTENT = hashlib.sha256(b"content").digest()
DAY = date(2024, 1, 3)
MINUTE = datetime(2024, 1, 2, 14, 40, tzinfo=UTC)
KEY_MADE = datetime(2024, 1, 2, tzinfo=UTC)

BEFORE = {
    "ingest.clear_1d": "INSERT INTO bar_1d VALUES (2, '2024-01-02', 1, 1, 1, 1, 1)",
    "ingest.clear_1m": "INSERT INTO bar_1m VALUES (2, '2024-01-02 14:30Z', 1, 1, 1, 1, 1)",
    "ingest.drop_empty": "DELETE FROM bar_1d; DELETE FROM bar_1m; DELETE FROM corporate_action",
    "ingest.correct_1d": "CREATE TEMPORARY TABLE correction ON COMMIT DROP AS"
    " SELECT instrument_id, session, open, high + 9 AS high, low, close, volume FROM bar_1d",
    "ingest.correct_1m": "CREATE TEMPORARY TABLE correction ON COMMIT DROP AS"
    " SELECT instrument_id, ts, open, high + 9 AS high, low, close, volume FROM bar_1m",
    "ingest.settled_aside": "UPDATE quarantine SET state = 'dismissed', resolved_at = now()",
    "ingest.terms_changes": "INSERT INTO import_change (run_id, instruments, terms)"
    " VALUES ('00000000-0000-0000-0000-000000000001', '{1}', '[[1, [null, null], [\"none\", null]]]')",
    "ingest.unstage": "CREATE TEMPORARY TABLE correction ()",
    "stock.accepted": "UPDATE quarantine SET state = 'replayed', accepted = reasons, accepted_by = 'ann',"
    " close = 103",
}
"""What a statement needs to be there, beside the rows of seed.sql."""

_NEW = (["MSFT"], ["Microsoft"], ["XNAS"], ["USD"], ["stock"])
_RENAMED = (["AAPL"], ["Apple"], ["XNAS"], ["USD"], ["stock"])
_ACTIONS = (
    '[{"instrument_id": 1, "ex_date": "2024-01-08", "kind": "dividend", "ordinal": 1,'
    ' "value": 0.1, "source": "x"}]'
)
_ROW = '{"open": 2}'

ARGUMENTS: dict[str, tuple[object, ...]] = {
    "gateway.add_key": (UUID(int=3), "new", "def", b"\1", ["read"], KEY_MADE, None, None),
    "gateway.all_keys": (),
    "gateway.find_key": ("abc",),
    "gateway.note_use": ("abc",),
    "gateway.reseal_key": (UUID(int=3), b"\2", "00ff00ff"),
    "gateway.revoke_key": ("abc",),
    "ingest.actions_on": ([1], [date(2024, 1, 5)], ["split"]),
    "ingest.add_actions": (
        *([1, 1], [DAY, DAY], ["dividend", "rights"], [1, 1], [0.24, 0.2]),
        *(["new", "new"], [None, None], [None, 10.0]),
    ),
    "ingest.action_groups": ([1], [date(2024, 1, 5)], ["split"]),
    "ingest.add_alias": ("APPL", 1),
    "ingest.change_instrument": (1, "Apple", None, "USD", None),
    "ingest.clear_1d": (1,),
    "ingest.clear_1m": (1,),
    "ingest.clear_actions": (1,),
    "ingest.clear_aside": ("AAPL",),
    "ingest.delete_instrument": (99,),
    "ingest.drop_alias": ("APPL",),
    "ingest.find_instrument": ("AAPL",),
    "ingest.held_by": (1,),
    "ingest.journal_of": (1,),
    "ingest.rewrite_journal": (1, b"\1", None, 1, 2),
    "ingest.actions_held": (1,),
    "ingest.move_1d": (1, 2),
    "ingest.move_1m": (1, 2),
    "ingest.move_actions": (1, 1),
    "ingest.move_aliases": (1, 1),
    "ingest.rename_aside": ("AAPL", "APPL"),
    "ingest.rename_instrument": (1, "APPL"),
    "ingest.add_change": (RUN, False, "1d", [1], [], b"\1", None),
    "ingest.add_instruments": _NEW,
    "ingest.add_run": (UUID(int=4), "new.csv", b"\1", "1d", 5),
    "ingest.advance": (RUN, 4, 1, 1, 1, 1),
    "ingest.around_splits": (["AAPL"],),
    "ingest.brought_by_none": ([1], RUN),
    "ingest.bump": ([1],),
    "ingest.calendar_changes": (),
    "ingest.change_session": ("XNYS", DAY, None, None, "seed"),
    "ingest.close_run": (RUN, None),
    "ingest.changes": ([1], "1d"),
    "ingest.correct_1d": (),
    "ingest.correct_1m": (),
    "ingest.created_by": (RUN,),
    "ingest.delete_1d": ([1], [DAY]),
    "ingest.delete_1m": ([1], [MINUTE]),
    "ingest.delete_action_groups": ([1], [date(2024, 1, 5)], ["split"]),
    "ingest.doubt_again": ([1], ["jump,ohlc_order"], [MINUTE]),
    "ingest.doubted": ("1d", [1], [datetime(2024, 1, 1, tzinfo=UTC)], [datetime(2024, 1, 9, tzinfo=UTC)]),
    "ingest.drop_actions": ([1], [date(2024, 1, 5)], ["split"]),
    "ingest.drop_aside": (RUN,),
    "ingest.drop_empty": ([1],),
    "ingest.edit_aside": (1, _ROW, 2.0, None, None, None, None),
    "ingest.exchanges": (),
    "ingest.hand_over_aside": (UUID(int=9), CONTENT),
    "ingest.insert_actions": (_ACTIONS,),
    "ingest.is_done": (CONTENT,),
    "ingest.keep_aside": (
        *(RUN, "seed.csv", CONTENT, "1d", [2], ["AAPL"], [None], [_ROW], ["missing_value"]),
        *([2.0], [None], [None], [None], [None]),
    ),
    "ingest.list_aside": (None, "AAPL", "jump", "open", 0, 10),
    "ingest.listed": (["AAPL", "NONE"],),
    "ingest.listings": ([RUN],),
    "ingest.lock_instruments": ([1],),
    "ingest.lock_replay": ("AAPL",),
    "ingest.lock_run": (RUN,),
    "ingest.lock_runs": (RUN,),
    "ingest.mark_undone": (RUN,),
    "ingest.note_reading": (RUN, '{"exchange": "XNAS"}', "[]"),
    "ingest.note_accepted": ([1], ["jump"], [MINUTE], "ann"),
    "ingest.numbers_aside": (CONTENT,),
    "ingest.put_exchange": ("XNSA", "Lagos", "XNYS", "Africa/Lagos", "NGN", ["LG"]),
    "ingest.reset_session": ("XNYS", date(2024, 1, 8)),
    "ingest.resume_run": (RUN, 9),
    "ingest.run_names": ([RUN],),
    "ingest.runs": ("0000", 2),
    "ingest.select_aside": (None, "AAPL", "jump", "open", 0, 10),
    "ingest.set_terms": (["AAPL"], "split", RUN),
    "ingest.terms_of": ([1],),
    "ingest.terms_changes": ([1],),
    "ingest.restore_terms": (RUN, 1, "[null, null]", '["split", "2024-01-02"]'),
    "ingest.settle_aside": ([1], "dismissed"),
    "ingest.settled_aside": (CONTENT, "1d", [1], ["AAPL"], [_ROW], [2.0], [None], [None], [None], [None]),
    "ingest.splits": ([1],),
    "ingest.stage_1d": (),
    "ingest.stage_1m": (),
    "ingest.stored_1d": ([1], [DAY], [date(2024, 2, 1)], 2),
    "ingest.stored_1m": ([1], [MINUTE], [MINUTE], 2),
    "ingest.touched_by": (RUN,),
    "ingest.unfinished_run": (CONTENT,),
    "ingest.unstage": (),
    "ingest.update_instruments": _RENAMED,
    "stock.accepted": (1, "AAPL", 10),
    "stock.actions": (1,),
    "stock.bars_1d": (1,),
    "stock.bars_1m": (1,),
    "stock.bars_1m_between": (1, [MINUTE], [datetime(2024, 1, 2, 14, 50, tzinfo=UTC)]),
    "stock.calendar_changes": ("XNYS",),
    "stock.calendars": (),
    "stock.database_facts": (),
    "stock.extent": (1,),
    "stock.instrument": ("AAPL",),
    "stock.last_import": (),
    "stock.quarantine_page": ("AAPL", 2**62, 10),
    "stock.quarantined": ("AAPL",),
    "stock.search": ("app", "XNAS", -1, "", 10),
    "stock.version": (),
}
