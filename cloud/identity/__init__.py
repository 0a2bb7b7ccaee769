"""Who a gateway is: the district's own CA, its registry, and what the broker needs to tell gateways apart."""
