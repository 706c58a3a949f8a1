"""What Firesteel is compared with: PyTorch alone and under TorchDistributor, in the Python of scripts/setup-python peers."""
