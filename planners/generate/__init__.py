"""Tasks from one goal language: everything that has to agree on what a task is derives from goals.

A goal (`embodied.world.goals`) is the one specification. From the same terms come

    what a task is      `wishes`    goal trees sampled over a sampled scene (`scenes`)
    how it is said      `words`     goal -> sentence, with paraphrases
    when it is done     the goal's own `holds`, read off the simulation: the verifier of suites
    whether it can be   `planners.solver`: shortest plans, by the skills' ideal effects
    labelled decisions  `decisions` every label that begins a shortest plan, on states of a plan
    what cannot be      `twins`     negatives, each beside the feasible task that it was made from
    a suite             `suite`     the items as `embodied.suites` reads them, graded by plan length

Tasks are proposed by grammar (`wishes` + `words`, offline) or by a language model (`proposals`), and
both go through the same door, `sieve.Sieve`: parsed, not done already, solved, in the range of
lengths that was asked for, and not there before.

The offline language model (`planners.embedded`) is trained on the same goals and solver, but on a
grammar and tables of its own, so that neither is measured on its own words.
"""
