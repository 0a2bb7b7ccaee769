"""The whole of Headwater on one machine: water, devices, gateways, cloud, and a warning centre that listens."""
