"""Finding who answers for names that do not exist: a poisoner of NBNS, LLMNR or mDNS."""
