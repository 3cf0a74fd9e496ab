"""Reference layers: which communes, named places, roads, buildings, schools and people there are along a river."""
