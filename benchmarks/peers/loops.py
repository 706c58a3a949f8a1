"""Training loops, one minibatch for each `next`: as PyTorch's documentation writes them, and tuned for a CPU.

Sources: the tutorials "Training with PyTorch" and "Getting Started with Distributed Data Parallel", the recipes
"Performance Tuning Guide" and "Channels Last Memory Format".
"""

import torch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from . import data

SGD = {"lr": 0.001, "momentum": 0.9, "weight_decay": 0.004}


def documented(net, images, labels, batch, distributed):
    """f32, NCHW, eager; a DataLoader over normalised tensors."""
    mean, std = data.statistics(images)
    inputs = images.float().sub_(mean).div_(std).permute(0, 3, 1, 2).contiguous()
    dataset = TensorDataset(inputs, labels)
    sampler = DistributedSampler(dataset) if distributed else None
    loader = DataLoader(dataset, batch_size=batch, shuffle=sampler is None, sampler=sampler, drop_last=True)
    model = DistributedDataParallel(net) if distributed else net
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    epoch = 0
    while True:
        if sampler:
            sampler.set_epoch(epoch)
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            yield loss.item()
        epoch += 1


def channels_last(net, images, labels, batch, distributed):
    """f32; otherwise as `tuned`."""
    return tuned(net, images, labels, batch, distributed, bf16=False)


def bf16_gradients(net, images, labels, batch, distributed):
    """As `tuned`, but gradients cross the network, and are added, in bf16."""
    return tuned(net, images, labels, batch, distributed, hook=bf16_compress_hook)


def tuned(net, images, labels, batch, distributed, bf16=True, hook=None):
    """bf16 autocast, channels-last, minibatches of one shape gathered by index from bytes, a fused optimiser."""
    mean, std = data.statistics(images)
    net = net.to(memory_format=torch.channels_last)
    model = net
    if distributed:
        model = DistributedDataParallel(net, gradient_as_bucket_view=True, static_graph=True)
        if hook:
            model.register_comm_hook(None, hook)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), **SGD, fused=True)
    rank, of = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if distributed else (0, 1)
    shuffle = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(len(images), generator=shuffle)[rank::of]
        for rows in order.split(batch)[: len(order) // batch]:
            inputs = images[rows].sub(mean).div_(std).permute(0, 3, 1, 2)  # of NHWC, so channels-last
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = criterion(model(inputs), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()


VARIANTS = {"documented": documented, "channels-last": channels_last, "tuned": tuned, "bf16-gradients": bf16_gradients}
