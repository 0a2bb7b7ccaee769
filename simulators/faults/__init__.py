"""Real processes and a seeded hand that kills them, cuts their link and loses their broker's memory."""
