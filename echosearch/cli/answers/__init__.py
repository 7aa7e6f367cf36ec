"""What commands answer, given an open archive: here, or in a server that they asked (beside/)."""
