// Empty on purpose: it gives the package a library target, so that agent may name it as a build dependency.
