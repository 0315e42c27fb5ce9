"""A suite of two items: one that is done in a skill, one to refuse."""

SUITE = """
suite: tiny
items:
  - id: a
    family: go
    instruction: "go to the table"
    start: {robot: {at: user, holding: null}, objects: {sponge: far counter}}
    goal: {robot_at: table}
    max_skills: 4
  - id: b
    family: refuse
    instruction: "bring me the pepsi"
    start: {robot: {at: user, holding: null}, objects: {sponge: far counter}}
    expect: refuse
    max_skills: 4
"""
