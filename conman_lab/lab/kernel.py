"""A notebook's kernel that ends with its parent, however that ends.

The parent is sudo, and JupyterLab's last means, SIGKILL, reaches sudo alone.  A kernel
sees that and ends by itself, unless it hangs: then this does it.
"""

from ipykernel import kernelapp

from conman_lab.linux import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    kernelapp.launch_new_instance()
