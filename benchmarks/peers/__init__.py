"""What Firesteel is compared with: PyTorch alone and under Spark's TorchDistributor. Runs in scripts/setup-peers' Python."""
