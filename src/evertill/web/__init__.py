"""The edge: what a request says, who sends it, and how an answer or a refusal leaves."""
