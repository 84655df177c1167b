from tigrest import Handler


class Broken(Handler):
    regex = "/too_few_arguments/([^/]+)/(?P<what>[^/]+)"

    def exec_get(self, service, first):
        return {}
