"""The commands of echosearch contour."""
