"""`python -m simulation --seeds 300`: plays histories and tells what broke.

--seeds N     how many, from --from on
--from K      the first seed (0)
--seed N      one seed; tells its whole story
--jobs N      processes (as many as there are processors)
"""

from __future__ import annotations

import sys

from simulation.report import main

sys.exit(main(sys.argv[1:]))
