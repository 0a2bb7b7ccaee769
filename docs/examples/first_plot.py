# %% [markdown]
# The depth in an underpass during a storm, from nothing to a plot. Open it in Jupyter or VS Code, or run it:
# `pip install 'headwater[client]' pandas matplotlib`, then `python first_plot.py http://127.0.0.1:8000`
# beside `make demo`.

# %%
import sys

from cloud.client import Headwater

hw = Headwater(sys.argv[1], key=sys.argv[2] if len(sys.argv) > 2 else None)
day = {"start": "2021-07-19T16:00Z", "end": "2021-07-20T16:00Z"}
depth = hw.series(station="u1", quantity="depth", interval="5min", figure="mean", **day).pandas()

# %%
print(depth.set_index("time")["mean"].describe())

# %% [markdown]
# When water stood above 15 cm, and what it rained from six hours before.

# %%
events = hw.water_events(station="u1", above=0.15, rain_h=6, **day).pandas()
print(events[["start", "end", "peak", "rain_mm"]].to_string(index=False))

# %%
try:
    import matplotlib.pyplot as plt
except ImportError:
    print("pip install matplotlib, and there is a plot")
else:
    depth.plot(x="time", y="mean", ylabel="depth, m", legend=False)
    plt.savefig("first_plot.png")
