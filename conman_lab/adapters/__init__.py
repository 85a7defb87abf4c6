"""The same rooms under other people's names: conmon's, containerd's, the kubelet's."""
