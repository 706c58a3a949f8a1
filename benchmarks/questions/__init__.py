"""The questions that scripts/bench asks: each module has `answer(arguments)`, which yields rows, and `table(rows)`."""
