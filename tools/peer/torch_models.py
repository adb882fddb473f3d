"""The networks of nn/models/, layer by layer, in PyTorch; names as there."""
import torch
from torch import nn


class Mlp(nn.Module):
    shape = (1, 28, 28)

    def __init__(self, hidden=(256, 128), classes=10):
        super().__init__()
        sizes = [784, *hidden, classes]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        y = self.layers[0](torch.flatten(x, 1))
        for layer in self.layers[1:]:
            y = layer(torch.relu(y))
        return y


class LeNet5(nn.Module):
    shape = (1, 28, 28)

    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, classes)

    def forward(self, x):
        y = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        y = nn.functional.max_pool2d(torch.relu(self.conv2(y)), 2)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(torch.flatten(y, 1))))))


class Cnn7(nn.Module):
    shape = (1, 28, 28)

    def __init__(self, classes=10):
        super().__init__()
        widths = [1, 16, 16, 32, 32, 64, 64]
        self.conv = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in zip(widths, widths[1:]))
        self.norm = nn.ModuleList(nn.BatchNorm2d(b) for b in widths[1:])
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        for i, (conv, norm) in enumerate(zip(self.conv, self.norm)):
            x = self.relu(norm(conv(x)))
            if i in (1, 3):
                x = nn.functional.max_pool2d(x, 2)
        return self.fc(x.mean((2, 3)))


class BasicBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y.add_(x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(y))
        return self.relu(y.add_(x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, blocks, width, large_stem, classes, shape, block=BasicBlock, expansion=1):
        super().__init__()
        self.shape = shape
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False) if large_stem else nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, 2, 1) if large_stem else nn.Identity()
        layers, inputs = [], width
        for stage, count in enumerate(blocks):
            for i in range(count):
                layers.append(block(inputs, width << stage, 2 if stage and i == 0 else 1))
                inputs = expansion * width << stage
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        y = self.layers(self.pool(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(y.mean((2, 3)))


def make(name):
    if name == "resnet20":
        return ResNet((3, 3, 3), 16, False, 10, (3, 32, 32))
    if name == "resnet18_cifar":
        return ResNet((2, 2, 2, 2), 64, False, 10, (3, 32, 32))
    if name == "resnet18":
        return ResNet((2, 2, 2, 2), 64, True, 1000, (3, 224, 224))
    if name == "resnet50":
        return ResNet((3, 4, 6, 3), 64, True, 1000, (3, 224, 224), Bottleneck, 4)
    return {"mlp": Mlp, "lenet5": LeNet5, "cnn7": Cnn7}[name]()
