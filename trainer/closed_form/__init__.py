"""Teach a finished encoder what its layers hold and its vectors do not tell, by regressions: no gradient step.

studies.py (whose truth is known) -> pool.py (what the video tower's pool gives of them) -> regression.py (what that
says) + prompt_places.py (where the text tower has it) -> head.py (what the tower's head adds)
"""
