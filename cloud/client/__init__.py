"""Headwater from Python: `from cloud.client import Headwater` (`pip install 'headwater[client]'`).

Nothing else of `cloud` is imported. pandas, polars and pyarrow are used where they are there.
"""

from cloud.client.answers import Answer
from cloud.client.client import Headwater
from cloud.client.errors import HeadwaterError, NotReached

__all__ = ["Answer", "Headwater", "HeadwaterError", "NotReached"]
