"""The left ventricle's contour on every frame of an apical cine, and what follows from it: area, beats, EF, volumes."""
