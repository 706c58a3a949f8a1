"""The nets of the comparison, by Firesteel's names, as their authors define them."""

import torch
import torch.nn.functional as F
from torch import nn


class Cifar10Quick(nn.Module):
    """Caffe's examples/cifar10/cifar10_quick_train_test.prototxt; 145,578 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 32, 5, padding=2)
        self.conv3 = nn.Conv2d(32, 64, 5, padding=2)
        self.ip1 = nn.Linear(64 * 4 * 4, 64)
        self.ip2 = nn.Linear(64, 10)
        for name, std in {"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01, "ip1": 0.1, "ip2": 0.1}.items():
            layer = getattr(self, name)
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True))
        x = F.avg_pool2d(F.relu(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.avg_pool2d(F.relu(self.conv3(x)), 3, 2, ceil_mode=True)
        return self.ip2(self.ip1(x.flatten(1)))


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (option A)."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.stride = stride
        self.more = width - before

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(self.shortcut(x) + y)

    def shortcut(self, x):
        if not self.more:
            return x
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more // 2))


class ResNet20(nn.Module):
    """He, Zhang, Ren and Sun 2015 (arXiv 1512.03385, section 4.2), n = 3; 269,722 parameters."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        widths = [(16, 16), (16, 32), (32, 64)]
        blocks = [Block(w if n else b, w, 1 if n or b == w else 2) for b, w in widths for n in range(3)]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.conv(x))))
        return self.head(x.mean((2, 3)))


class WideBlock(Block):
    """The same with a 1x1 convolution as the shortcut where the shape changes (option B)."""

    def __init__(self, before, width, stride):
        super().__init__(before, width, stride)
        self.reshape = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)) if self.more else nn.Identity()

    def shortcut(self, x):
        return self.reshape(x)


class ResNet18(nn.Module):
    """He, Zhang, Ren and Sun 2015, table 1, initialised as in torchvision; 11,181,642 parameters."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(64)
        widths = [(64, 64), (64, 128), (128, 256), (256, 512)]
        blocks = [WideBlock(w if n else b, w, 1 if n or b == w else 2) for b, w in widths for n in range(2)]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(512, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.blocks(F.max_pool2d(F.relu(self.norm(self.conv(x))), 3, 2, padding=1))
        return self.head(x.mean((2, 3)))


class Vgg11(nn.Module):
    """Simonyan and Zisserman 2014, configuration A with batch normalisation, as for CIFAR: one linear layer; 9,228,362 parameters."""

    def __init__(self):
        super().__init__()
        layers, before = [], 3
        for width, pools in [(64, True), (128, True), (256, False), (256, True), (512, False), (512, True), (512, False), (512, True)]:
            conv = nn.Conv2d(before, width, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(conv.weight)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True), *([nn.MaxPool2d(2)] if pools else [])]
            before = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.layers(x).mean((2, 3)))


class Group(nn.Module):
    """Two 3x3 convolutions, the first one pooled."""

    def __init__(self, before, width):
        super().__init__()
        self.conv1 = self._conv(before, width)
        self.conv2 = self._conv(width, width)
        self.norm1 = self._norm(width)
        self.norm2 = self._norm(width)

    @staticmethod
    def _conv(before, width):
        conv = nn.Conv2d(before, width, 3, padding="same", bias=False)
        nn.init.dirac_(conv.weight.data[:before])
        return conv

    @staticmethod
    def _norm(width):
        norm = nn.BatchNorm2d(width, eps=1e-12, momentum=0.4)
        norm.weight.requires_grad = False
        return norm

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    """Keller Jordan's airbench94 (arXiv 2404.00498) with 32, 64 and 64 channels; 146,424 parameters. The 288 frozen
    ones are random instead of whitening, which is of no consequence for speed."""

    def __init__(self):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.groups = nn.Sequential(Group(24, 32), Group(32, 64), Group(64, 64))
        self.head = nn.Linear(64, 10, bias=False)
        self.head.weight.data /= self.head.weight.data.std()

    def forward(self, x):
        x = self.groups(F.gelu(self.whiten(x)))
        x = F.max_pool2d(x, 3).flatten(1)
        return self.head(x) / x.size(1)


NETS = {"cifar10_quick": Cifar10Quick, "resnet20": ResNet20, "resnet18": ResNet18, "vgg11": Vgg11, "airbench_32_64_64": Airbench}


def build(name, seed=0):
    torch.manual_seed(seed)
    return NETS[name]()
