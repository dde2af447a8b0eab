"""What belongs together, before anything is decided: merges, matches, relations."""

from __future__ import annotations

from prmsync.sync.matching import match_streams
from prmsync.sync.merging import follow_merges
from prmsync.sync.relation_ends import look_at_ends
from prmsync.sync.relation_matching import match_relations
from prmsync.sync.session import Session


def pair_up(session: Session, run_id: int) -> int:
    """Follow merges and link what is sure to be the same; returns how many were linked anew.
    Nothing is written to either side."""
    look_at_ends(session)
    follow_merges(session, run_id)
    return match_streams(session) + match_relations(session)
