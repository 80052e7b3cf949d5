"""Learning curves as functions: the families of Domhan et al. (IJCAI 2015), and what they predict."""
